"""A model package on this machine: a folder or a zip with `service_def.json` and its stages' files.

Checked before anything is uploaded; packed the same, byte for byte, wherever and whenever it is packed.
"""

from __future__ import annotations

import hashlib
import io
import shlex
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.wire import model_package
from clients.wire.model_package import Package

# the earliest time that a zip can hold: packing must not depend on the clock
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LABELS: Final = "labels.txt"

UNLABELLED_DEFAULT: Final = "051031fd93008b6de864232f13c3ffe705ef2eaa1d0028c033e1d60eea5c95d9"
"""The default package as it was before it had labels."""

# The default package with its labels computes what it did without them: stacks that have the model keep it.
_SAME_MODEL: Final = {
    "d4ea8256251b175bcb504a083ab2eb73884eb01260092cfbcb92effbb79eb0f6": UNLABELLED_DEFAULT,
}


class PackageError(Exception):
    """The package cannot be deployed. The message says which file, what is wrong and how to mend it."""


@dataclass(frozen=True)
class ModelPackage:
    """A package that has been read.

    Attributes:
        path: where it lies.
        sha256: of its files' names and contents, in hex: the same for a folder and for its zip. What has
            another one is another model.
        definition: its stages and labels.
    """

    path: Path
    sha256: str
    files: Mapping[str, bytes]
    definition: Package

    def archive(self) -> bytes:
        """The package as a zip."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in sorted(self.files.items()):
                # stored: weights hardly shrink, and packing is then as fast as reading
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
        return packed.getvalue()

    def warnings(self) -> list[str]:
        """Warnings of what is probably not as it is meant, in whole sentences."""
        if self.definition.labels is None and _LABELS in self.files:
            return [
                f"{self.path}: {_LABELS} is in the package, and {model_package.DEFINITION} does not name it: "
                f'without "labels": "{_LABELS}" beside "pipeline" callers see class numbers.'
            ]
        return []

    def try_out(self) -> None:
        """Runs the stages on a black image, as localcloud does before it serves them.

        Raises:
            PackageError: it could not be deployed.
        """
        if self.sha256 == UNLABELLED_DEFAULT:  # known to run, and onnxruntime takes its time to import
            return
        from clients.wire.trial import try_package

        try:
            try_package(self.definition)
        except model_package.PackageError as error:
            raise PackageError(f"{self.path}: {error}") from None


def read(path: Path) -> ModelPackage:
    """Reads the package at `path` and checks its definition; `try_out` checks the rest.

    Raises:
        PackageError: it cannot be read, or its definition is not sound.
    """
    try:
        return of_files(path, files_of(path))
    except model_package.ConvertibleError as error:
        folder = path.with_name(f"{path.name.removesuffix('.zip')}-onnx")
        words = model_package.ConvertibleError(error.fault, shlex.quote(str(path)), shlex.quote(str(folder)))
        raise PackageError(f"{path}: {words}") from None
    except model_package.PackageError as error:
        raise PackageError(f"{path}: {error}") from None


def files_of(path: Path) -> dict[str, bytes]:
    """The files of the package at `path`, by their names, whatever its definition says.

    Raises:
        PackageError: they cannot be read, are too many or too large, or lead out of it.
    """
    try:
        return _read_zip(path) if path.is_file() else _read_folder(path)
    except model_package.PackageError as error:
        raise PackageError(f"{path}: {error}") from None
    except OSError as error:
        raise PackageError(f"{error.filename or path}: {error.strerror}") from None


def of_files(path: Path, files: Mapping[str, bytes]) -> ModelPackage:
    """The package of files that lie, or are to lie, at `path`.

    Raises:
        clients.wire.model_package.PackageError: its definition is not sound.
    """
    definition = model_package.read_files(files)
    sha256 = _digest(files)
    return ModelPackage(path, _SAME_MODEL.get(sha256, sha256), files, definition)


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _read_zip(path: Path) -> dict[str, bytes]:
    model_package.check_sizes([path.stat().st_size])
    return model_package.unpack(path.read_bytes())


def _read_folder(path: Path) -> dict[str, bytes]:
    """The files that are not hidden; looked at before they are read, for any folder may be named.

    Raises:
        model_package.PackageError: there are too many, or a link leads out: a folder of somebody else's could
            have any file of this machine uploaded.
    """
    found: dict[str, Path] = {}
    sizes: list[int] = []
    root = path.resolve()
    for one in path.rglob("*"):
        name = one.relative_to(path)
        if one.is_file() and not any(part.startswith(".") for part in name.parts):
            if one.is_symlink() and not one.resolve().is_relative_to(root):
                raise model_package.PackageError(
                    f"{name} is a symbolic link that leads out of the package; put the file itself there."
                )
            found[name.as_posix()] = one
            sizes.append(one.stat().st_size)
            model_package.check_sizes(sizes)
    return {name: one.read_bytes() for name, one in found.items()}
