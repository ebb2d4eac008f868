"""Telling a person what goes on: stages with their times, and progress inside them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.status import Status

PLAIN_INTERVAL_S = 15.0
"""Seconds between two lines of progress where the output is not a terminal."""


class Report(Protocol):
    """A listener to the engine's parts while they work. `fpga up` and `python -m engine` each have one."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """A stage, from entering the context to leaving it. Stages may be nested."""

    def progress(self, text: str) -> None:
        """Takes how far the current stage is; may be called often, most of it need not be shown."""

    def note(self, text: str) -> None:
        """A sentence worth keeping, such as which of several ways was taken."""


def duration(seconds: float) -> str:
    """A time in seconds as a person writes it: `0.4 s`, `12 s`, `3 min 41 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class ConsoleReport:
    """A line that changes in place on a terminal; elsewhere plain lines, progress every 15 seconds."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._status: Status | None = None
        self._stages: list[tuple[str, float]] = []
        self._last_line_at = 0.0

    @contextmanager
    def stage(self, name: str, since: float | None = None) -> Iterator[None]:
        """Shows `name` while the context lasts, and the time that it took at its end.

        Args:
            since: when it began, on the monotonic clock; None: just now.
        """
        began = time.monotonic() if since is None else since
        self._stages.append((name, began))
        self._last_line_at = time.monotonic()
        if self._stream.isatty() and self._status is None:
            from rich.console import Console
            from rich.markup import escape
            from rich.status import Status

            self._status = Status(escape(name), console=Console(file=self._stream))
            self._status.start()
        ended = "failed after"
        try:
            yield
            ended = "done in"
        finally:
            self._stages.pop()
            if not self._stages and self._status is not None:
                self._status.stop()
                self._status = None
            self.note(f"{name}: {ended} {duration(time.monotonic() - began)}")

    def progress(self, text: str) -> None:
        """Shows `text` and the time since the stage began; outside of any stage nothing waits for it."""
        if not self._stages:
            return
        name, began = self._stages[-1]
        now = time.monotonic()
        line = f"{name}: {text} ({duration(now - began)})"
        if self._status is not None:
            from rich.markup import escape

            self._status.update(escape(line))
        elif now - self._last_line_at >= PLAIN_INTERVAL_S:
            self._last_line_at = now
            self._print(line)

    def note(self, text: str) -> None:
        """Prints `text` on a line of its own."""
        self._last_line_at = time.monotonic()
        self._print(text)

    def _print(self, line: str) -> None:
        if self._status is not None:
            self._status.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=self._stream, flush=True)
