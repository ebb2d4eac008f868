"""`python -m tools.fuzz [--seconds N] [TARGET ...]`, as `make fuzz` runs it: each target for a while.

What is found is kept under `.local/fuzz/findings`; what the next run goes on from, beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from engine.report import ConsoleReport
from fpga.project import Project
from surroundings import settle
from tools.fuzz import parsers, suites
from tools.fuzz.outcome import Outcome, Target, show

SECONDS: Final = 60.0


def targets() -> list[Target]:
    """All of them, in the order in which they run."""
    return [*parsers.targets(), *suites.SUITES]


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 nothing found, 1 something found or a named target left out, 130 interrupted."""
    settle()
    known = {one.name: one for one in targets()}
    options = _options(known, arguments)
    if options.list:
        for one in known.values():
            print(f"{one.name:<20}{one.summary}")
        return 0
    folder = Project.here().local / "fuzz"
    chosen = [known[name] for name in dict.fromkeys(options.targets)] or list(known.values())
    if options.input is not None:
        return parsers.replay(chosen[0].name, options.input)
    report = ConsoleReport()
    outcomes: list[Outcome] = []
    interrupted = False
    try:
        for one in chosen:
            with report.stage(one.name):
                outcomes.append(one.run(options.seconds, folder, report))
    except KeyboardInterrupt:
        interrupted = True
    show(outcomes, Console())
    if interrupted:
        print("Interrupted: the other targets were not run.", file=sys.stderr)
        return 130
    wanted = set(options.targets)
    return int(any(one.findings or (one.left_out and one.target in wanted) for one in outcomes))


def _options(known: dict[str, Target], arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.fuzz",
        description="Fuzz parsers and APIs: each target for a while, one after the other.",
        epilog="The exit code is 1 where something was found, which is kept under .local/fuzz/findings.",
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="those to run (default: all of them)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="N",
        help="how long each target runs (default: %(default)g)",
    )
    parser.add_argument("--list", action="store_true", help="list the targets, and run none")
    parser.add_argument(
        "--input", type=Path, metavar="FILE", help="have one parser read this file, once, and say how it ends"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.targets if name not in known]
    if unknown:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(known)}")
    if not options.seconds >= 1:
        parser.error(f"--seconds {options.seconds:g}: give 1 or more")
    if options.input is not None and not (
        len(options.targets) == 1 and isinstance(known[options.targets[0]], parsers.ParserTarget)
    ):
        parser.error("--input goes with the name of one parser")
    return options


if __name__ == "__main__":
    sys.exit(main())
