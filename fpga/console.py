"""Standard output as a console, rows of columns on it (folded on a terminal, one row a line elsewhere), and
progress of what takes long.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WIDTH: Final = 120  # columns of what is no terminal and does not say
_UNFOLDED: Final = 100_000  # columns
_QUIET_S: Final = 2.0
"""How long something may take without a word."""


def standard_output() -> Console:
    """Standard output: as wide as the terminal, or as COLUMNS says; no colours where it is no terminal."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal() else _WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def show_rows(console: Console, rows: Iterable[Sequence[Text]], headings: Sequence[str] = ()) -> None:
    """Prints rows in columns. No value is cut, whatever the width.

    Elsewhere than on a terminal a row is one line, however long, with nothing after its last value: it is
    searched, and parts of it are cut out.

    Args:
        headings: of the columns; none: there is no line of them.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=bool(headings), header_style="dim"
    )
    listed = list(rows)
    for index in range(max(map(len, [headings, *listed]))):
        table.add_column(headings[index] if headings else "", overflow="fold")
    for row in listed:
        table.add_row(*row)
    if console.is_terminal:
        console.print(table)
        return
    plain = io.StringIO()
    Console(file=plain, width=_UNFOLDED).print(table)
    for line in plain.getvalue().splitlines():
        console.file.write(f"{line.rstrip()}\n")


@contextmanager
def progress_when_long(name: str, quiet_s: float = _QUIET_S) -> Iterator[Callable[[str], None]]:
    """A teller of how far something is, which says nothing until that has taken long.

    Args:
        name: of what is done.
        quiet_s: seconds that need no words.
    """
    from engine.report import ConsoleReport

    report = ConsoleReport()
    began = time.monotonic()
    with ExitStack() as stage:
        is_told = False

        def tell(what: str) -> None:
            nonlocal is_told
            if not is_told and time.monotonic() - began > quiet_s:
                stage.enter_context(report.stage(name, began))
                report.note(f"{name}: {what}")
                is_told = True
            report.progress(what)

        yield tell
