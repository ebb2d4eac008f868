"""Attacks on a localcloud and on runs of the program, and tables of what became of them: `make chaos`."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from typing import Final

from localcloud import version
from surroundings import settle
from tools.chaos import page
from tools.chaos.table import LeftOut, Table

PARTS: Final = {
    "kills": "Kill storms",
    "faults": "Faults of a change",
    "slow": "Slow callers",
    "damage": "Damaged storage",
    "forged": "Forged calls",
    "disk": "A full disk",
    "machines": "Failures",
}
"""Each part's module in `tools.chaos`, and its section of the page."""
PAGES: Final = {part: page.SCALE if part == "machines" else page.PAGE for part in PARTS}
SECONDS: Final = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Runs the parts. Exit codes: 0 every promise is kept, 1 one is broken, 130 interrupted."""
    settle()
    parser = argparse.ArgumentParser(
        prog="python -m tools.chaos",
        description="Attack a localcloud, and runs of the program, and tell what became of it.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="S",
        help=f"how long each part attacks, once through at least (default: {SECONDS:g})",
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help=f"put the tables into docs/{page.PAGE.name} and docs/{page.SCALE.name}",
    )
    options = parser.parse_args(arguments)
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}: {', '.join(PARTS)} are there")
    if options.seconds < 0:
        parser.error(f"--seconds {options.seconds:g}: give 0 or more")
    try:
        return max([_run(part, options.seconds, write=options.page) for part in options.parts or PARTS])
    except KeyboardInterrupt:
        return 130


def _run(part: str, seconds: float, *, write: bool) -> int:
    """Runs one part, and shows its table; 1: a promise is broken."""
    began = time.monotonic()

    def progress(line: str) -> None:
        print(f"{part} {time.monotonic() - began:6.1f} s: {line}", file=sys.stderr, flush=True)

    progress("begins")
    try:
        table: Table = importlib.import_module(f"tools.chaos.{part}").measure(seconds, progress)
    except LeftOut as reason:
        progress(f"left out: {reason}")
        return 0
    took_s = time.monotonic() - began
    print(f"\n{PARTS[part]}\n{table.text()}\n", flush=True)
    if write:
        measured = f"Measured on {_code()}, in {took_s:,.0f} s{table.note}."
        file = PAGES[part]
        file.write_text(page.renewed(file.read_text(), PARTS[part], table, measured))
    return 1 if table.broken or table.late else 0


def _code() -> str:
    """The version that is measured, and whether the checkout differs from it."""
    status = ["git", "-C", str(page.PAGE.parents[1]), "status", "--porcelain", "--untracked-files=no"]
    changed = [
        line
        for line in subprocess.run(status, capture_output=True, text=True, check=False).stdout.splitlines()
        if not line.endswith((page.PAGE.name, page.SCALE.name))
    ]
    return f"{version.here()}{' with changes' if changed else ''}"


if __name__ == "__main__":
    sys.exit(main())
