"""The audit log: a line of JSON for each change and each refusal, with who asked for what, and where.

`audit.log` in the data folder, 0600. It is put aside when it has grown large; the last ones are kept. Never a
secret: neither bodies nor queries nor headers are in it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcloud.access.principals import now

FILE: Final = "audit.log"
MAX_BYTES: Final = 10 * 1024 * 1024
KEPT: Final = 9
"""How many files are kept beside the one that is written."""
COMMAND: Final = "fpga cloud"
"""Stands where a principal does, for what a command has done in the data folder."""
_LONGEST: Final = 2000


class Audit:
    """A writer of the log, by the process that serves the folder.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._file = _private(data / FILE)
        self._handler = logging.handlers.RotatingFileHandler(
            self._file, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8"
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    @contextlib.contextmanager
    def kept(self) -> Iterator[Audit]:
        """Closes the log at the end of the block."""
        try:
            yield self
        finally:
            self._handler.close()

    def write(
        self, principal: str, client_id: str, action: str, scope: str, status: int, request_id: str
    ) -> None:
        """Writes what was answered to a principal's request."""
        text = line(principal, action, scope, client_id=client_id, status=status, request_id=request_id)
        self._handler.handle(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))


def note(data: Path, action: str, scope: str, **others: str) -> None:
    """Writes what a command has done, whether a localcloud serves the folder or not."""
    descriptor = os.open(data / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(line(COMMAND, action, scope, **others) + "\n")


def line(principal: str, action: str, scope: str, **others: object) -> str:
    """A line of the log; ASCII, so that nothing that is quoted begins another one."""
    told = {"time": now(), "principal": principal, "action": action, "scope": scope} | others
    return json.dumps(
        {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in told.items()}
    )


def _private(path: Path) -> Path:
    path.touch(mode=0o600)
    path.chmod(0o600)
    return path
