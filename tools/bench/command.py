"""The benchmarks' common command line: options, progress on standard error, one verdict a limit."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

Progress = Callable[[str], None]
Measure = Callable[[int, Progress], dict[str, Any]]
Show = Callable[[dict[str, Any]], None]


def run(
    name: str, description: str, turns: int, measure: Measure, show: Show, arguments: list[str] | None = None
) -> int:
    """Measures and prints; 0 also where a limit is missed, for a figure is no test.

    Args:
        name: the module, as `python -m` takes it.
        turns: how often each side is measured, where the command line does not say.
        measure: takes the number of turns and who is told of progress.
        show: prints the result for a person.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--turns", type=int, default=turns, metavar="N", help=f"turns of each side (default: {turns})"
    )
    options = parser.parse_args(arguments)
    if options.turns < 1:
        parser.error(f"--turns {options.turns}: give 1 or more")
    result = measure(options.turns, lambda line: print(line, file=sys.stderr, flush=True))
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    return 0


def verdict(met: bool) -> str:
    """The word behind a limit."""
    return "met" if met else "MISSED"
