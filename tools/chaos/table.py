"""The table of an attack, and the promises that it found broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

Progress = Callable[[str], None]

_TOLD: Final = 20


class LeftOut(Exception):
    """A part that cannot be run here; the message is the reason."""


@dataclass
class Table:
    """The result of one part.

    Attributes:
        columns: the heads.
        rows: as many cells each.
        broken: each promise that was found broken, in words.
        late: each promise of a time that did not hold, in words: a machine with other work may break it.
        note: what else was measured, behind how long it took; empty: nothing.
    """

    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    note: str = ""

    def add_total(self, name: str = "all") -> None:
        """Adds a row with the sums of the columns of whole numbers."""
        cells = [[row[column] for row in self.rows] for column in range(1, len(self.columns))]
        self.rows.append([name, *(sum(c for c in column if isinstance(c, int)) for column in cells)])

    def markdown(self) -> str:
        """The table as Markdown has it, a row a line."""
        numbers = [
            all(isinstance(row[column], int | float) for row in self.rows)
            for column in range(len(self.columns))
        ]
        rule = ["---:" if number else "---" for number in numbers]
        lines = [self.columns, rule, *([_cell(cell) for cell in row] for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def text(self) -> str:
        """The table for a terminal, with what was broken."""
        cells = [list(self.columns), *([_cell(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells
        ]
        lines += [f"BROKEN: {words}" for words in self.broken[:_TOLD]]
        if len(self.broken) > _TOLD:
            lines.append(f"BROKEN: and {len(self.broken) - _TOLD} more")
        lines += [f"LATE: {words}" for words in self.late[:_TOLD]]
        return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def rounds(seconds: float) -> Iterator[int]:
    """Numbers from 0 on until the time is over, one at least."""
    end = time.monotonic() + seconds
    number = 0
    while number == 0 or time.monotonic() < end:
        yield number
        number += 1
