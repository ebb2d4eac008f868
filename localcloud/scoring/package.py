"""Reads a model package: a zip with `service_def.json` and the files of its stages. No I/O."""

from __future__ import annotations

import functools
import io
import json
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from localcloud.scoring.errors import PackageError

DEFINITION: Final = "service_def.json"
RUNTIME_VERSION: Final = "1.1"

ENTRIES_LIMIT: Final = 1000
UNPACKED_LIMIT: Final = 512 * 1024 * 1024  # bytes
STAGES_LIMIT: Final = 16
_DEFINITION_LIMIT: Final = 1024 * 1024  # bytes
_SHOWN: Final = 8


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


def read_package(content: bytes) -> tuple[Stage, ...]:
    """The stages of a package, in the order in which they run.

    Args:
        content: the zip file. It is never unpacked to disk, and only the files that its definition names are
            read; at most 1000 entries of 512 MiB in all.

    Raises:
        PackageError: it is no zip, its names or sizes are not to be trusted, or its definition is wrong.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = _files(archive)
            return _stages(archive, files)
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError),
        *(OSError, ValueError, struct.error),  # bzip2, names that are not UTF-8, fields that break off
    ) as error:
        raise PackageError(f"The package is not a zip file that can be read: {error}") from error


def _files(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > ENTRIES_LIMIT:
        raise PackageError(f"The package has {len(entries)} entries; at most {ENTRIES_LIMIT} are taken.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > UNPACKED_LIMIT:
        raise PackageError(f"The package unpacks to {unpacked} bytes; at most {UNPACKED_LIMIT} are taken.")
    files: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = entry.filename
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise PackageError(f"The package has an entry {name!r}, which leads out of the package.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise PackageError(f"The package has a symbolic link {name!r}; pack the file itself.")
        if entry.flag_bits & 0x1:
            raise PackageError(f"The entry {name!r} is encrypted; pack it without a password.")
        if name in files:
            raise PackageError(f"The package has two entries {name!r}.")
        if not entry.is_dir():
            files[name] = entry
    return files


def _stages(archive: zipfile.ZipFile, files: dict[str, zipfile.ZipInfo]) -> tuple[Stage, ...]:
    if DEFINITION not in files:
        raise PackageError(f"The package has no {DEFINITION} at its root; it has {_listing(files)}.")
    if files[DEFINITION].file_size > _DEFINITION_LIMIT:
        raise PackageError(f"{DEFINITION} is larger than {_DEFINITION_LIMIT} bytes.")
    try:
        definition = json.loads(archive.read(files[DEFINITION]))
    except (ValueError, RecursionError) as error:
        raise PackageError(f"{DEFINITION} is not JSON: {error}") from error
    if not isinstance(definition, dict):
        raise PackageError(f"{DEFINITION} is not a JSON object.")
    version = definition.get("aml_runtime_version")
    if version != RUNTIME_VERSION:
        raise PackageError(
            f"{DEFINITION}: aml_runtime_version is {json.dumps(version)}; "
            f"this server runs {json.dumps(RUNTIME_VERSION)}."
        )
    pipeline = definition.get("pipeline")
    if not isinstance(pipeline, list) or not pipeline:
        raise PackageError(f"{DEFINITION}: pipeline is not a list of at least one stage.")
    if len(pipeline) > STAGES_LIMIT:
        raise PackageError(f"{DEFINITION}: pipeline has {len(pipeline)} stages; at most {STAGES_LIMIT} run.")

    @functools.cache  # a file that many stages name is in memory once
    def read(path: str) -> bytes:
        return archive.read(files[path])

    return tuple(_stage(read, files, f"pipeline[{i}]", stage) for i, stage in enumerate(pipeline))


def _stage(read: Callable[[str], bytes], files: dict[str, zipfile.ZipInfo], where: str, stage: Any) -> Stage:
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
        if path not in files:
            raise PackageError(
                f"{DEFINITION}: {where}.model_path {path!r} is not in the package; it has {_listing(files)}."
            )
        return OnnxStage(
            model_path=path,
            input_tensor=_text(stage, where, "input_tensor"),
            output_tensor=_text(stage, where, "output_tensor"),
            content=read(path),
        )
    if kind in ("tensorflow", "keras"):
        raise PackageError(
            f"{DEFINITION}: {where} is of type {kind}, which this server does not have: "
            "export the stage to ONNX and declare it as type onnx."
        )
    raise PackageError(
        f"{DEFINITION}: {where}.type is {json.dumps(kind)}; there are brainwave (a featurizer of the device) "
        "and onnx (a model of the package)."
    )


def _text(stage: dict[str, Any], where: str, name: str) -> str:
    value = stage.get(name)
    if not isinstance(value, str) or not value:
        raise PackageError(f"{DEFINITION}: {where}.{name} is {json.dumps(value)}; it must be a text.")
    return value


def _dims(stage: dict[str, Any], where: str) -> tuple[int, ...]:
    value = stage.get("output_tensor_dims")
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in value)
    ):
        raise PackageError(
            f"{DEFINITION}: {where}.output_tensor_dims is {json.dumps(value)}; "
            "it must be a list of sizes, e.g. [1, 1, 2048]."
        )
    return tuple(value)


def _listing(files: dict[str, zipfile.ZipInfo]) -> str:
    names = sorted(files)
    if not names:
        return "no files at all"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
