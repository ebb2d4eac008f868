"""The audit log: lines of JSON for each change and each refusal, with who asked for what, and where.

`audit.log` in the data folder, 0600. A change has a line before it begins, whose status is null, and one with
its status when it was answered; what cannot be noted first is not done. Commands in the data folder have one
line, before what they do is there. The log is put aside when it has grown large; the last ones are kept.
Never a secret: neither bodies nor queries nor headers are in it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pwd
import threading
from pathlib import Path
from typing import Final

from localcloud.access.principals import now
from localcloud.errors import StartError

FILE: Final = "audit.log"
MAX_BYTES: Final = 10 * 1024 * 1024
KEPT: Final = 9
"""How many files are kept beside the one that is written."""
COMMAND: Final = "fpga cloud"
"""Stands where a principal does, for what a command has done in the data folder."""
_LONGEST: Final = 2000


class Audit:
    """A writer of the log, by the process that serves the folder: it alone puts files aside.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._file = data / FILE
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Writes a line.

        Raises:
            OSError: it cannot; nothing of it is in the log.
        """
        with self._lock:
            with contextlib.suppress(OSError):  # what cannot be put aside is written on
                if self._file.stat().st_size + len(text) >= MAX_BYTES:
                    self._put_aside()
            _append(self._file, text)

    def _put_aside(self) -> None:
        for number in range(KEPT, 0, -1):
            before = _numbered(self._file, number - 1)
            with contextlib.suppress(FileNotFoundError):
                before.replace(_numbered(self._file, number))


def note(data: Path, action: str, scope: str = "", **others: str) -> None:
    """Writes what a command does, whether a localcloud serves the folder or not.

    Raises:
        StartError: it cannot: then it is not to be done.
    """
    try:
        _append(data / FILE, line(COMMAND, action, scope, user=_user(), **others))
    except OSError as error:
        raise StartError(
            f"The audit log {data / FILE} cannot be written ({error.strerror}). Nothing was changed: "
            f"{remedy(error)}, and try again."
        ) from None


def line(principal: str, action: str, scope: str, **others: object) -> str:
    """A line of the log; ASCII, so that nothing that is quoted begins another one."""
    told = {"time": now(), "principal": principal, "action": action, "scope": scope} | others
    return json.dumps(
        {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in told.items()}
    )


def is_full(error: OSError) -> bool:
    """Whether a disk without room is the reason."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def remedy(error: OSError) -> str:
    """The remedy for a log that cannot be written, as a clause."""
    return "make room on its disk" if is_full(error) else "have the user who runs localcloud write it"


def _append(path: Path, text: str) -> None:
    """Writes a line whole or not at all: behind one that was cut off, on a line of its own.

    The file is opened each time, so that a log that somebody else put aside is not written on.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        size = os.fstat(descriptor).st_size
        is_cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        content = (b"\n" if is_cut else b"") + text.encode("ascii") + b"\n"
        written = os.write(descriptor, content)
        if written < len(content):
            if os.fstat(descriptor).st_size == size + written:
                os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def _numbered(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}") if number else file


def _user() -> str:
    """The user who runs the command: the name, or the number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
