"""Telling a person what goes on: stages with their times, and progress inside them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType

QUIET_S = 2.0
"""Seconds that need no words."""
PLAIN_INTERVAL_S = 15.0
"""Seconds between two lines of progress where the output is not a terminal."""
_TICK_S = 0.5


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


@dataclass
class _Stage:
    """A stage under way.

    Attributes:
        began: on the monotonic clock.
        text: how far it is.
    """

    name: str
    began: float
    text: str = "under way"


class ConsoleReport:
    """A line that changes in place on a terminal; elsewhere plain lines, the first one after two seconds, the
    next ones every 15. It ticks by itself, whether anything says how far it is or not.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._stages: list[_Stage] = []
        self._line: _Line | None = None
        self._due_at = 0.0  # of the next plain line
        self._lock = threading.RLock()

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Shows `name` while the context lasts, and the time that it took at its end."""
        return self._staged(name, is_quiet=False)

    def wait(self, name: str) -> AbstractContextManager[None]:
        """A stage of which nothing is said unless it takes longer than needs no words."""
        return self._staged(name, is_quiet=True)

    @contextmanager
    def _staged(self, name: str, *, is_quiet: bool) -> Iterator[None]:
        stage = _Stage(name, time.monotonic())
        with self._lock:
            self._stages.append(stage)
            self._due_at = stage.began + QUIET_S
            if not is_quiet:
                self._show_line(stage)
        over = threading.Event()
        # only the outermost one ticks, for whichever is under way
        ticking = threading.Thread(target=self._tick, args=[over], name="report", daemon=True)
        is_outermost = len(self._stages) == 1
        if is_outermost:
            ticking.start()
        ended = "failed after"
        try:
            yield
            ended = "done in"
        finally:
            if is_outermost:
                over.set()
                ticking.join()
            with self._lock:
                self._stages.remove(stage)
                took_s = time.monotonic() - stage.began
                if not self._stages and self._line is not None:
                    self._line.stop()
                    self._line = None
                if not is_quiet or took_s > QUIET_S:
                    self.note(f"{name}: {ended} {duration(took_s)}")

    def progress(self, text: str) -> None:
        """Shows `text` and the time since the stage began; outside of any stage nothing waits for it."""
        with self._lock:
            if self._stages:
                self._stages[-1].text = text
                self._show()

    def note(self, text: str) -> None:
        """Prints `text` on a line of its own."""
        with self._lock:
            self._due_at = time.monotonic() + PLAIN_INTERVAL_S
            self._print(text)

    def _tick(self, over: threading.Event) -> None:
        while not over.wait(_TICK_S):
            with self._lock:
                self._show()

    def _show(self) -> None:
        stage = self._stages[-1]
        now = time.monotonic()
        is_due = now >= self._due_at
        line = f"{stage.name}: {stage.text} ({duration(now - stage.began)})"
        if self._line is None and is_due:
            self._show_line(stage)
        if self._line is not None:
            self._line.change(line)
        elif is_due:
            self.note(line)

    def _show_line(self, stage: _Stage) -> None:
        if self._stream.isatty() and self._line is None:
            self._line = _Line(self._stream, stage.name)

    def _print(self, text: str) -> None:
        if self._line is not None:
            self._line.print(text)
        else:
            print(text, file=self._stream, flush=True)


class _Line:
    """A line of a terminal that changes in place, below all that is printed meanwhile."""

    def __init__(self, stream: TextIO, text: str) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        self._text = Text
        self._console = Console(file=stream, soft_wrap=True)
        self._spinner = Spinner("dots", Text(text), style="status.spinner")
        self._live = Live(
            get_renderable=self._shown,
            console=self._console,
            transient=True,
            refresh_per_second=12.5,
            redirect_stdout=sys.stdout.isatty(),  # what is piped elsewhere stays apart
        )
        self._live.start()

    def change(self, text: str) -> None:
        self._spinner.update(text=self._text(text))

    def print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        self._live.stop()

    def _shown(self) -> RenderableType:
        shown = self._spinner.render(self._console.get_time())
        if isinstance(shown, self._text):  # one line, however narrow the terminal
            shown.no_wrap, shown.overflow = True, "ellipsis"
        return shown
