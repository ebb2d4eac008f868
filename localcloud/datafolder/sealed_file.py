"""Files that hold a secret of a data folder: sealed, where its secrets are, else in clear."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from localcloud.datafolder.vault import Place, Vault
from localcloud.files import write_private

_NUMBERED: Final = re.compile(r"\.[0-9]+\Z")
_SUCCESSORS: Final = {"ca-next.key": "ca.key"}
"""Files that take the place of others, by a rename."""
_BYTES: Final = "latin-1"  # any byte is a character of it


def write(path: Path, secret: bytes, vault: Vault) -> None:
    """Replaces a file by one that holds a secret, in one step, readable by its owner alone.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    write_private(path, sealed(path, secret, vault))


def read(path: Path, vault: Vault) -> bytes:
    """The secret in a file.

    Raises:
        OSError: there is no file, or it cannot be read.
        StartError: it is not what the folder's vault has sealed for it.
    """
    return opened(path, path.read_bytes(), vault)


def sealed(path: Path, secret: bytes, vault: Vault) -> bytes:
    """A secret as the file of that path holds it."""
    return vault.seal(_place(path), secret.decode(_BYTES)).encode(_BYTES)


def opened(path: Path, content: bytes, vault: Vault) -> bytes:
    """The secret of a file's content.

    Raises:
        StartError: it is not what the vault has sealed for it.
    """
    return vault.unseal(_place(path), content.decode(_BYTES)).encode(_BYTES)


def _place(path: Path) -> Place:
    """The place of a file, also of one that was moved aside, where others of its name are."""
    name = _NUMBERED.sub("", path.name)
    return Place("file", "content", _SUCCESSORS.get(name, name))
