"""A package tried on this machine as localcloud tries and runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from clients.wire import model_package
from fpga.errors import CommandError

if TYPE_CHECKING:
    from infra.inputs.model_package import ModelPackage
    from localcloud.scoring.trial_process import Measured

R = TypeVar("R")


def read(path: Path) -> ModelPackage:
    """The package in a folder or a zip.

    Raises:
        CommandError: it cannot be read, or its definition is not sound.
    """
    from infra.inputs import model_package as on_disk

    return _read(path, on_disk.read)


def files_of(path: Path) -> dict[str, bytes]:
    """The files of the package in a folder or a zip, whatever its definition says.

    Raises:
        CommandError: they cannot be read.
    """
    from infra.inputs import model_package as on_disk

    return _read(path, on_disk.files_of)


def _read(path: Path, read: Callable[[Path], R]) -> R:
    from infra.inputs import model_package as on_disk

    if not path.exists():
        raise CommandError(f"{path}: there is no such folder or zip.")
    try:
        return read(path)
    except on_disk.PackageError as error:
        raise CommandError(str(error)) from None


def of_files(path: Path, files: Mapping[str, bytes]) -> ModelPackage:
    """The package of files that are to be at `path`.

    Raises:
        CommandError: its definition is not sound, or it is too large.
    """
    from infra.inputs import model_package as on_disk

    try:
        return on_disk.of_files(path, files)
    except model_package.PackageError as error:
        raise CommandError(str(error)) from None


def run(package: ModelPackage, featurizers: Path, photo: Path | None = None) -> Measured | None:
    """Tries a package in a process of its own, and has it score a photo.

    Raises:
        PackageError: localcloud would not serve it.
        InputError: the photo cannot be read.
    """
    from localcloud.scoring.trial_process import measure

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "package.zip"
        file.write_bytes(package.archive())
        return measure(file, featurizers, photo)
