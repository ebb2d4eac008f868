"""The files of a data folder that hold secrets, as all of them are sealed, or are in clear again.

What a file held before is overwritten, as far as the file system lets: one that copies on write, and a disk
that wears, may keep it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcloud.certificate.acme_state import FILE as ACME
from localcloud.datafolder import aside, sealed_file
from localcloud.datafolder.vault import PREFIX, Vault
from localcloud.files import write_private
from localcloud.settings import BLOBS, CLIENT_SECRET, DATABASE, PACKAGES

_OTHERS: Final = (BLOBS, PACKAGES)
"""Folders of what callers have stored."""
_PRIVATE_KEY: Final = b"PRIVATE KEY-----"
_LARGEST: Final = 1 << 20
"""More bytes than a file of a secret has."""
_DRAFT: Final = re.compile(r"\..+\.[0-9]+")
"""The name of what `write_private` leaves where it is killed."""

log = logging.getLogger(__name__)


def seal(data: Path, vault: Vault) -> None:
    """Seals every private key, and secrets that were moved aside; takes the client's secret away."""
    if (data / CLIENT_SECRET).is_file() and not (data / CLIENT_SECRET).is_symlink():
        wipe(data / CLIENT_SECRET)  # the database has it
    for path, content in _files(data):
        if _DRAFT.fullmatch(path.name):
            wipe(path)
        elif _is_secret(data, path, content) and not content.startswith(PREFIX.encode()):
            _replace(path, sealed_file.sealed(path, content, vault))


def wipe(path: Path) -> None:
    """Removes a file, and overwrites what it held."""
    _replace(path, None)


def unseal(data: Path, vault: Vault) -> None:
    """Has the files be in clear again.

    Raises:
        StartError: one of them is not what the vault has sealed.
    """
    for path, content in _files(data):
        if content.startswith(PREFIX.encode()):
            write_private(path, sealed_file.opened(path, content, vault))


def _files(data: Path) -> Iterator[tuple[Path, bytes]]:
    """The files that may hold secrets, with what they hold.

    Never the database's own: a process that closes one of them loses its locks on it (fcntl(2)).
    """
    for path in sorted(data.rglob("*")):
        first = path.relative_to(data).parts[0]
        is_other = first in _OTHERS or first.startswith((DATABASE, ".backup-", ".look-"))
        if not is_other and path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
            yield path, path.read_bytes()


def _is_secret(data: Path, path: Path, content: bytes) -> bool:
    is_aside = path.relative_to(data).parts[0] == aside.FOLDER
    return _PRIVATE_KEY in content or path.name == ACME or (is_aside and path.name.startswith(CLIENT_SECRET))


def _replace(path: Path, content: bytes | None) -> None:
    """Replaces a file, or removes it, and overwrites what it held."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if content is None:
            path.unlink()
        else:
            write_private(path, content)
        state = os.fstat(descriptor)
        if state.st_nlink:  # of a backup that is being written, or of a copy that somebody made
            log.warning("what %s held in clear is there still, under another name of the same file", path)
            return
        os.pwrite(descriptor, bytes(state.st_size), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
