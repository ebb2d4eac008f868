"""A report of the engine's installation that a test can read."""

from __future__ import annotations

import io

from engine.report import ConsoleReport


class Heard(ConsoleReport):
    """A report that can be asked what it said."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()
