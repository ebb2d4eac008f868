"""Photos that a person names: files, folders, and what comes in on standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fpga.errors import CommandError

STANDARD_INPUT: Final = "-"
SIZE_LIMIT: Final = 64 * 1000 * 1000
"""Largest photo in bytes; a call takes 64 MiB, and needs some for itself."""

# In a folder these are photos; those that the service does not decode are told, not passed over.
_SUFFIXES: Final = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".webp"),
        *(".heic", ".heif", ".avif", ".tif", ".tiff", ".jxl", ".jp2", ".dng"),
    )
)


@dataclass(frozen=True)
class Photo:
    """A photo by the name that it was given; its file is read when it is its turn."""

    name: str

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            CommandError: it cannot be read, is empty, or too large for a call.
        """
        try:
            if self.name == STANDARD_INPUT:
                content = sys.stdin.buffer.read(SIZE_LIMIT + 1)
            else:
                with Path(self.name).open("rb") as file:
                    content = file.read(SIZE_LIMIT + 1)
        except OSError as error:
            raise CommandError(f"The photo {self.name} cannot be read: {error.strerror}.") from None
        if not content:
            where = "standard input" if self.name == STANDARD_INPUT else self.name
            raise CommandError(f"The photo {where} is empty.")
        if len(content) > SIZE_LIMIT:
            raise CommandError(f"The photo {self.name} has over {SIZE_LIMIT} bytes; send a smaller one.")
        return content


def find(named: Sequence[str]) -> list[Photo]:
    """The photos that are named: a folder stands for those in it, by their names.

    Raises:
        CommandError: there is no such photo, or none in a folder.
    """
    if named.count(STANDARD_INPUT) > 1:
        raise CommandError("- stands for standard input, which can be read only once.")
    found: list[Photo] = []
    for name in named:
        path = Path(name)
        if name == STANDARD_INPUT or (path.exists() and not path.is_dir()):
            found.append(Photo(name))
        elif path.is_dir():
            found.extend(_in_folder(path))
        else:
            raise CommandError(f"There is no photo {name}.")
    return found


def _in_folder(folder: Path) -> list[Photo]:
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")]
    photos = [Photo(str(file)) for file in files if file.suffix.lower() in _SUFFIXES]
    if not photos:
        raise CommandError(f"There is no photo in {folder}: it has {len(files)} other files.")
    return photos
