"""A model package on this machine: a folder or a zip with `service_def.json` and its stages' files.

Checked before anything is uploaded; packed the same, byte for byte, wherever and whenever it is packed.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFINITION = "service_def.json"
# the earliest time that a zip can hold: packing must not depend on the clock
_EPOCH = (1980, 1, 1, 0, 0, 0)


class PackageError(Exception):
    """The package cannot be deployed. The message says which file, what is wrong and how to mend it."""


@dataclass(frozen=True)
class ModelPackage:
    """A package that has been read.

    Attributes:
        sha256: of its files' names and contents, in hex: the same for a folder and for its zip.
        archive: the zip.
    """

    sha256: str
    files: Mapping[str, bytes]

    def archive(self) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in sorted(self.files.items()):
                # stored: weights hardly shrink, and packing is then as fast as reading
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
        return packed.getvalue()


def read(path: Path) -> ModelPackage:
    """Reads and checks the package at `path`.

    Raises:
        PackageError: see there.
    """
    files = _read_zip(path) if path.is_file() else _read_folder(path)
    for missing in _stage_files(path, files) - files.keys():
        raise PackageError(
            f"{path}: {DEFINITION} names '{missing}', which is not in the package; "
            f"it holds {', '.join(sorted(files))}"
        )
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return ModelPackage(digest.hexdigest(), files)


def _read_folder(path: Path) -> dict[str, bytes]:
    return {
        one.relative_to(path).as_posix(): one.read_bytes()
        for one in path.rglob("*")
        if one.is_file() and not any(part.startswith(".") for part in one.relative_to(path).parts)
    }


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}
    except zipfile.BadZipFile as error:
        raise PackageError(f"{path}: it is not a whole zip ({error}); pack it again") from None


def _stage_files(path: Path, files: Mapping[str, bytes]) -> set[str]:
    """The files that the pipeline's stages name."""
    if DEFINITION not in files:
        raise PackageError(
            f"{path}: there is no {DEFINITION} at its top; it holds {', '.join(sorted(files))}"
        )
    try:
        definition: Any = json.loads(files[DEFINITION])
    except ValueError as error:
        raise PackageError(f"{path}: {DEFINITION} is not JSON ({error})") from None
    pipeline = definition.get("pipeline") if isinstance(definition, dict) else None
    if not isinstance(pipeline, list) or not pipeline or not all(isinstance(one, dict) for one in pipeline):
        raise PackageError(f"{path}: {DEFINITION} needs a 'pipeline', a list with one stage at least")
    return {str(stage["model_path"]) for stage in pipeline if stage.get("model_path")}
