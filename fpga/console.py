"""Standard output as a console, rows of columns on it (folded on a terminal, one row a line elsewhere), and
words for what takes long.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WIDTH: Final = 120  # columns of what is no terminal and does not say
_UNFOLDED: Final = 100_000  # columns


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
def told_when_long(name: str, what: str) -> Iterator[Callable[[str], None]]:
    """Says on standard error what is waited for, once that has taken two seconds, and goes on saying so.

    Of what takes no longer nothing is said. Standard output is left alone.

    Args:
        name: of what is done.
        what: what is waited for first; the function that the block gets takes what comes next.
    """
    from engine.report import ConsoleReport

    report = ConsoleReport()
    with report.wait(name):
        report.progress(what)
        yield report.progress
