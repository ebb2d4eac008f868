"""`python -m tools.covered`: how much of each room the tests ran, of what `pytest --cov` kept.

E2e tests and processes that tests start are not counted: most of the engine's room runs in such ones. The
figures are said, and nothing fails for them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coverage import Coverage
from coverage.exceptions import CoverageException
from rich.console import Console
from rich.table import Table

from surroundings import settle

CHECKOUT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Room:
    """The statements of a room's modules, and how many of them were run."""

    name: str
    statements: int
    run: int

    @property
    def share(self) -> str:
        """In whole per cent, rounded down: 100 is all of them."""
        return f"{self.run * 100 // self.statements} %" if self.statements else "-"


def rooms(coverage: Coverage, checkout: Path, names: Iterable[str]) -> Iterator[Room]:
    """The coverage of each room, from data that is loaded.

    Args:
        checkout: where the rooms are.
        names: theirs, in the order in which they are told.
    """
    for name in names:
        statements = missing = 0
        for module in sorted((checkout / name).rglob("*.py")):
            _, all_of_it, _, not_run, _ = coverage.analysis2(str(module))
            statements += len(all_of_it)
            missing += len(not_run)
        yield Room(name, statements, statements - missing)


def show(found: Iterable[Room], console: Console) -> None:
    """Prints a line for each room, and one for all."""
    found = list(found)
    total = Room("all", sum(one.statements for one in found), sum(one.run for one in found))
    table = Table("room", box=None, pad_edge=False, show_edge=False)
    for title in ("statements", "run by tests", ""):
        table.add_column(title, justify="right")
    for one in (*found, total):
        table.add_row(one.name, str(one.statements), str(one.run), one.share)
    console.print(table)


def main() -> int:
    """Returns the exit code: 1 where no run of the tests kept anything."""
    settle()
    coverage = Coverage(config_file=str(CHECKOUT / "pyproject.toml"))
    try:
        coverage.load()
        found = list(rooms(coverage, CHECKOUT, coverage.get_option("run:source") or ()))  # type: ignore[arg-type]
    except CoverageException as error:
        print(f"error: nothing is known of what the tests ran: {error}", file=sys.stderr)
        return 1
    show(found, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
