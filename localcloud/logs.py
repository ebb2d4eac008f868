"""localcloud's log file: one line an event, times in UTC, readable by its owner alone.

It is put aside when it has grown large, while it is written, too: there are never more than two files.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import time
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
_LOUD = ("azure", "urllib3", "requests")
"""Libraries that log every request that they send; their warnings are enough."""


class _OneLine(logging.Formatter):
    """A formatter of messages of one line, whatever is in a name that they quote; tracebacks follow as they
    are.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).translate(_ESCAPED)


class _File(logging.handlers.RotatingFileHandler):
    """The log file; what the process says on its standard streams goes on into the one that is written."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).touch(mode=0o600)
        return super()._open()

    def doRollover(self) -> None:
        before = os.fstat(self._descriptor())
        try:
            super().doRollover()
        except OSError:  # the folder lets nothing be renamed: it is written on
            self.stream = self.stream or self._open()
            return
        for descriptor in _STANDARD_STREAMS:
            with contextlib.suppress(OSError):  # it is closed
                if os.path.samestat(os.fstat(descriptor), before):
                    os.dup2(self._descriptor(), descriptor)

    def _descriptor(self) -> int:
        assert self.stream is not None  # noqa: S101 - opened at once, and anew at each change of files
        return self.stream.fileno()


_STANDARD_STREAMS = (1, 2)
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """Writes the log of this process to a file inside the block; a large one is put aside as `.1`."""
    put_aside(path)
    handler = _File(path, maxBytes=MAX_BYTES, backupCount=1)
    formatter = _OneLine("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    ours = logging.getLogger("localcloud")
    root = logging.getLogger()
    before = ours.level
    ours.setLevel(logging.INFO)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        ours.setLevel(before)
        handler.close()


def put_aside(path: Path) -> None:
    """Renames a log that has grown large; the one before it goes."""
    try:
        if path.stat().st_size > MAX_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    except FileNotFoundError:
        pass
