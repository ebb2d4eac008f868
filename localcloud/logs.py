"""localcloud's log file: one line an event, times in UTC, readable by its owner alone."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
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


_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """Writes the log of this process to a file inside the block; a large one is put aside first as `.1`."""
    put_aside(path)
    path.touch(mode=0o600)
    handler = logging.FileHandler(path)
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
