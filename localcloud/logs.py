"""localcloud's log: one line an event, to a file, or to systemd's journal where standard error goes there.

The file has times in UTC, is readable by its owner alone, and is put aside when it has grown large, while it
is written, too: there are never more than two. The journal knows the time by itself, and is told the priority
of each line in front of it (sd-daemon(3)).
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import sys
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


class _JournalLines(_OneLine):
    """A formatter for the journal, to which each line of a traceback is an entry."""

    def format(self, record: logging.LogRecord) -> str:
        return marked(super().format(record), record.levelno)


class _File(logging.handlers.RotatingFileHandler):
    """The log file; what the process says on its standard streams goes on into the one that is written."""

    _is_over = False

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).touch(mode=0o600)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line; nothing once it is closed: a thread that logs just then would open it anew."""
        if not self._is_over:
            super().emit(record)

    def close(self) -> None:
        """Ends it for good."""
        with self.lock or contextlib.nullcontext():
            self._is_over = True
            super().close()

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
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""The least level of each priority of syslog(3)."""
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """Writes the log of this process to the journal inside the block, if standard error goes there, else to
    a file; a large one is put aside as `.1`.
    """
    handler = _journal() if goes_to_journal() else _file(path)
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


def goes_to_journal() -> bool:
    """Whether standard error goes to systemd's journal (systemd.exec(5), `JOURNAL_STREAM`)."""
    try:
        found = os.fstat(2)
    except OSError:  # it is closed
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def marked(text: str, level: int) -> str:
    """The text as standard error takes it: for the journal, each line begins with its priority."""
    if not goes_to_journal():
        return text
    priority = next(priority for least, priority in _PRIORITIES if level >= least)
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def _journal() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JournalLines("%(name)s %(message)s"))
    return handler


def _file(path: Path) -> logging.Handler:
    put_aside(path)
    handler = _File(path, maxBytes=MAX_BYTES, backupCount=1)
    formatter = _OneLine("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    return handler


def put_aside(path: Path) -> None:
    """Renames a log that has grown large; the one before it goes."""
    try:
        if path.stat().st_size > MAX_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    except FileNotFoundError:
        pass
