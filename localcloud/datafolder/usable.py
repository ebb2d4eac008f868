"""The data folder as files and folders that can be used: what is in the way of that, in words.

Each name in it is of a file or of a folder. What is of another kind, leads nowhere, or may not be read, is
refused by its name before anything is changed: left to who reads it, it would be an error without a remedy,
or be taken for something that is not there yet. Standard library only: `control` looks, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcloud.errors import StartError
from localcloud.settings import (
    BLOBS,
    CA_CERTIFICATE,
    CLIENT_SECRET,
    DATABASE,
    IN_MEMORY,
    LOCK,
    LOG,
    PACKAGES,
    PID,
)

_FOLDERS: Final = (PACKAGES, BLOBS, "aside")
_FILES: Final = (
    *(f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal")),
    LOCK,
    LOG,
    f"{LOG}.1",
    PID,
    CLIENT_SECRET,
    CA_CERTIFICATE,
    "ca.key",
    "ca-next.key",
    "server.pem",
    "server.key",
    "shown.pem",
    "roots.pem",
    "acme.json",
    "ports.json",
    "placed.json",
    "identity.json",
    "federated-credentials.json",
    "audit.log",
)
"""All that rooms of localcloud keep in it; their modules cost more to import than `control` may."""
_BELONGS: Final = (
    "put back what belongs there, restore a backup (`fpga cloud restore`), or give another folder with --data"
)
_REMEDIES: Final = {
    errno.EACCES: "have the user who runs localcloud read and write it, or give another folder with --data",
    errno.ENOSPC: "make room on its disk, and try again",
    errno.EMFILE: "have this process open more files (`ulimit -n`), and try again",
}
_ALIKE: Final = {
    errno.EPERM: errno.EACCES,
    errno.EROFS: errno.EACCES,
    errno.EDQUOT: errno.ENOSPC,
    errno.ENFILE: errno.EMFILE,
}


def require(data: Path) -> None:
    """Refuses a data folder in which something cannot be what its name says; one that is not there may be.

    Raises:
        StartError: the message names the file and the remedy. Nothing was changed.
    """
    with told(data):
        if not os.path.lexists(data):
            return
        _require_kind(data, is_folder=True)
        _require_rights(data, os.R_OK | os.W_OK | os.X_OK)
        for name in _FOLDERS:
            _require_kind(data / name, is_folder=True)
        for name in _FILES:
            if not (name == CLIENT_SECRET and _led_into_memory(data / name)):
                require_file(data / name)


@contextlib.contextmanager
def told(data: Path) -> Iterator[None]:
    """Tells an error of the system inside the block by the file that it is about, with the remedy.

    Raises:
        StartError: in the place of an `OSError` about a file or a disk, and of one of SQLite's.
    """
    try:
        yield
    except OSError as error:
        number = _ALIKE.get(error.errno or 0, error.errno)
        if error.filename is None and number not in _REMEDIES:
            raise  # of a port, say
        raise StartError(_words(_subject(error, data), error.strerror or str(error), number)) from None
    except sqlite3.Error as error:
        is_full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        number = errno.ENOSPC if is_full else None
        raise StartError(_words(f"The database {data / DATABASE}", str(error), number)) from None


def _led_into_memory(path: Path) -> bool:
    """Whether that is a link to what was in memory, and went with the power, or with a unit's stop."""
    is_lost = path.is_symlink() and not path.exists()
    return is_lost and path.readlink().parent.name.startswith(IN_MEMORY)


def require_file(path: Path) -> None:
    """Refuses what is there and is no file that may be read.

    Raises:
        OSError: the reason.
    """
    _require_kind(path, is_folder=False)


def _words(subject: str, reason: str, number: int | None) -> str:
    return f"{subject} cannot be used ({reason}): {_REMEDIES.get(number or 0, _BELONGS)}."


def _subject(error: OSError, data: Path) -> str:
    if error.filename is None or (os.path.lexists(data) and not data.is_dir()):
        return str(data)
    return os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(data)


def _require_kind(path: Path, *, is_folder: bool) -> None:
    """Refuses what is there, and is of another kind, leads nowhere, or may not be used.

    Raises:
        OSError: the reason.
    """
    if not os.path.lexists(path):
        return
    mode = path.stat().st_mode
    if is_folder and not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if not is_folder and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not is_folder and not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    _require_rights(path, os.R_OK | (os.X_OK if is_folder else 0))


def _require_rights(path: Path, wanted: int) -> None:
    if not os.access(path, wanted):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
