"""A model package: a zip or a folder with `service_def.json` and the files that it names. No I/O."""

from __future__ import annotations

import functools
import io
import json
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from clients.wire.labels import SIZE_LIMIT as LABELS_LIMIT
from clients.wire.labels import LabelsError, read_labels
from surroundings import json_text

DEFINITION: Final = "service_def.json"
RUNTIME_VERSION: Final = "1.1"

ENTRIES_LIMIT: Final = 1000
UNPACKED_LIMIT: Final = 512 * 1024 * 1024  # bytes
STAGES_LIMIT: Final = 16
UNREADABLE_ZIP: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError),
    *(OSError, ValueError, struct.error),  # bzip2, names that are not UTF-8, fields that break off
)
"""What Python raises on a zip file that cannot be read, beside what is encrypted (RuntimeError)."""

_DEFINITION_LIMIT: Final = 1024 * 1024  # bytes
_SHOWN: Final = 8
_QUOTED: Final = 100


class PackageError(Exception):
    """A package cannot run; the text names its part, the fault, and what there is instead."""


class ConvertibleError(PackageError):
    """A stage of TensorFlow or Keras: localcloud runs what `fpga model convert` makes of it.

    Args:
        fault: the stage, by its place, and what it is.
    """

    def __init__(self, fault: str, package: str = "PACKAGE", folder: str = "DIR") -> None:
        super().__init__(
            f"{fault}, which localcloud does not run, for such a graph may read and write its files: `fpga "
            f"model convert {package} {folder}` makes a package of ONNX stages of it, where TensorFlow is "
            "installed; name that one in its place."
        )
        self.fault = fault


@dataclass(frozen=True)
class BrainwaveStage:
    """A featurizer that the device has built in.

    Attributes:
        output_tensor_dims: the shape of one image's features, e.g. (1, 1, 2048).
    """

    model_ref: str
    model_version: str
    output_tensor_dims: tuple[int, ...]


@dataclass(frozen=True)
class OnnxStage:
    """An ONNX model from the package; `content` is its file."""

    model_path: str
    input_tensor: str
    output_tensor: str
    content: bytes = field(repr=False)


Stage = BrainwaveStage | OnnxStage


@dataclass(frozen=True)
class ClassLabels:
    """The names of the classes, in their order, and the file that they come from."""

    path: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Package:
    """A package that has been read.

    Attributes:
        stages: in the order in which they run.
        labels: None where the definition names none.
    """

    stages: tuple[Stage, ...]
    labels: ClassLabels | None


def read_package(content: bytes) -> Package:
    """Reads a zip.

    Args:
        content: the zip file. It is never unpacked to disk, and only the files that its definition names are
            read; at most 1000 entries of 512 MiB in all.

    Raises:
        PackageError: it is no zip, its names or sizes are not to be trusted, or its definition is wrong.
    """
    with _opened(content) as archive:
        entries = _entries(archive)
        sizes = {name: entry.file_size for name, entry in entries.items()}
        return _read(sizes, lambda name: archive.read(entries[name]))


def read_files(files: Mapping[str, bytes]) -> Package:
    """Reads the files of a folder, or of a zip that was unpacked, by their paths.

    Raises:
        PackageError: as for `read_package`.
    """
    for name in files:
        _check_name(name)
    sizes = {name: len(content) for name, content in files.items()}
    check_sizes(sizes.values())
    return _read(sizes, files.__getitem__)


def unpack(content: bytes) -> dict[str, bytes]:
    """All files of a zip, by their paths.

    Raises:
        PackageError: it is no zip, or its names or sizes are not to be trusted.
    """
    with _opened(content) as archive:
        return {name: archive.read(entry) for name, entry in _entries(archive).items()}


@contextmanager
def _opened(content: bytes) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield archive
    except UNREADABLE_ZIP as error:
        raise PackageError(f"The package is not a zip file that can be read: {error}") from error


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    check_sizes([entry.file_size for entry in entries])
    files: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = entry.filename
        _check_name(name)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise PackageError(f"The package has a symbolic link {name!r}; pack the file itself.")
        if entry.flag_bits & 0x1:
            raise PackageError(f"The entry {name!r} is encrypted; pack it without a password.")
        if name in files:
            raise PackageError(f"The package has two entries {name!r}.")
        if not entry.is_dir():
            files[name] = entry
    return files


def check_sizes(sizes: Collection[int]) -> None:
    """A package has files of limited number and size, in bytes.

    Raises:
        PackageError: these are too many, or too large.
    """
    if len(sizes) > ENTRIES_LIMIT:
        raise PackageError(f"The package has {len(sizes)} entries; at most {ENTRIES_LIMIT} are taken.")
    if sum(sizes) > UNPACKED_LIMIT:
        raise PackageError(f"The package unpacks to {sum(sizes)} bytes; at most {UNPACKED_LIMIT} are taken.")


def _check_name(name: str) -> None:
    if not name:
        raise PackageError("The package has an entry without a name; pack it anew.")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise PackageError(f"The package has an entry {name!r}, which leads out of the package.")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise PackageError(
            f"The package has an entry {name!r}, whose name is not UTF-8; rename it."
        ) from None


def _read(sizes: Mapping[str, int], read: Callable[[str], bytes]) -> Package:
    """The package, of whose files the sizes are known and the contents are read when they are needed."""
    if DEFINITION not in sizes:
        raise PackageError(f"The package has no {DEFINITION} at its root; it has {_listing(sizes)}.")
    if sizes[DEFINITION] > _DEFINITION_LIMIT:
        raise PackageError(f"{DEFINITION} is larger than {_DEFINITION_LIMIT} bytes.")
    try:
        definition = json_text.loads(read(DEFINITION))
    except ValueError as error:
        raise PackageError(f"{DEFINITION} is not JSON: {error}") from error
    if not isinstance(definition, dict):
        raise PackageError(f"{DEFINITION} is not a JSON object.")
    version = definition.get("aml_runtime_version")
    if version != RUNTIME_VERSION:
        raise PackageError(
            f"{DEFINITION}: aml_runtime_version is {_shown(version)}; write {json.dumps(RUNTIME_VERSION)}."
        )
    pipeline = definition.get("pipeline")
    if not isinstance(pipeline, list) or not pipeline:
        raise PackageError(f"{DEFINITION}: pipeline is not a list of at least one stage.")
    if len(pipeline) > STAGES_LIMIT:
        raise PackageError(f"{DEFINITION}: pipeline has {len(pipeline)} stages; at most {STAGES_LIMIT} run.")
    read = functools.cache(read)  # a file that many stages name is in memory once
    stages = tuple(_stage(read, sizes, f"pipeline[{i}]", stage) for i, stage in enumerate(pipeline))
    return Package(stages, _labels(read, sizes, definition))


def _labels(
    read: Callable[[str], bytes], sizes: Mapping[str, int], definition: Mapping[str, Any]
) -> ClassLabels | None:
    path = definition.get("labels")
    if path is None:
        return None
    if not isinstance(path, str) or not path:
        raise PackageError(
            f'{DEFINITION}: labels is {_shown(path)}; it must be the name of a file, e.g. "labels.txt".'
        )
    _require(path, "labels", sizes)
    if sizes[path] > LABELS_LIMIT:
        raise PackageError(f"{path} has {sizes[path]} bytes; of labels at most {LABELS_LIMIT} are taken.")
    try:
        return ClassLabels(path, read_labels(read(path)))
    except LabelsError as error:
        raise PackageError(f"{path} {error}.") from None


def _stage(read: Callable[[str], bytes], sizes: Mapping[str, int], where: str, stage: Any) -> Stage:
    if not isinstance(stage, dict):
        raise PackageError(f"{DEFINITION}: {where} is not a JSON object.")
    kind = stage.get("type")
    if kind == "brainwave":
        return BrainwaveStage(
            model_ref=_text(stage, where, "model_ref"),
            model_version=_text(stage, where, "model_version"),
            output_tensor_dims=_dims(stage, where),
        )
    if kind == "onnx":
        path = _text(stage, where, "model_path")
        _require(path, f"{where}.model_path", sizes)
        return OnnxStage(
            model_path=path,
            input_tensor=_text(stage, where, "input_tensor"),
            output_tensor=_text(stage, where, "output_tensor"),
            content=read(path),
        )
    if kind in ("tensorflow", "keras"):
        raise ConvertibleError(f"{DEFINITION}: {where} is of type {kind}")
    raise PackageError(
        f"{DEFINITION}: {where}.type is {_shown(kind)}; there are brainwave (a featurizer of the device) "
        "and onnx (a model of the package)."
    )


def _require(path: str, where: str, sizes: Mapping[str, int]) -> None:
    if path not in sizes:
        raise PackageError(
            f"{DEFINITION}: {where} {path[:_QUOTED]!r} is not in the package; it has {_listing(sizes)}."
        )


def _text(stage: dict[str, Any], where: str, name: str) -> str:
    value = stage.get(name)
    if not isinstance(value, str) or not value:
        raise PackageError(f"{DEFINITION}: {where}.{name} is {_shown(value)}; it must be a text.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise PackageError(
            f"{DEFINITION}: {where}.{name} is {_shown(value)}; half of a surrogate pair is no text."
        )
    return value


def _shown(value: Any) -> str:
    """A value of the definition as it is written there, as far as it fits a sentence."""
    text = json.dumps(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _dims(stage: dict[str, Any], where: str) -> tuple[int, ...]:
    value = stage.get("output_tensor_dims")
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in value)
    ):
        raise PackageError(
            f"{DEFINITION}: {where}.output_tensor_dims is {_shown(value)}; "
            "it must be a list of sizes, e.g. [1, 1, 2048]."
        )
    return tuple(value)


def _listing(files: Iterable[str]) -> str:
    names = sorted(files)
    if not names:
        return "no files at all"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
