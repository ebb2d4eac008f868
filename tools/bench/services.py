"""The benchmark of 1, 10 and 50 services in a stack: how preview, update and creation grow.

`python -m tools.bench.services [--services N,…] [--json] [--write PAGE]` measures in turns, each number of
services after the other, with a certificate of its own for each service:

- a preview that finds no change, and that of an empty program beside it;
- an `up` that renews the certificate of one of the services;
- an `up` that creates everything.

Wall clock and CPU are those of `pulumi` and all that it starts; the server runs in the benchmark's process.
An account has 16 FPGAs at most, and a stack has one account: so that more services than that can be measured,
this server does not count them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from infra.settings.account import MAX_CAPACITY
from tools.bench import cost, growth
from tools.bench.command import Progress, verdict
from tools.bench.cost import Cost
from tools.bench.growth import Point

if TYPE_CHECKING:
    from tests.support.stacks.program_stack import ProgramStack
    from tests.support.stacks.pulumi_project import PulumiProject

SERVICES = (1, 10, 50)
TURNS = 5
"""Of the preview; the others change something, and take longer."""
CHANGING_TURNS = 3
PREVIEW_RATIO_LIMIT = 3.0
_PROGRAM = """\
from infra.settings import stack
stack._crowded = lambda *_: ()
from infra.start import start
start()
"""
OPERATIONS = {
    "preview": "preview, no change",
    "update": "update, one certificate",
    "create": "create",
}


def measure(turns: int, progress: Progress, services: Sequence[int] = SERVICES) -> dict[str, Any]:
    """The benchmark's figures as JSON has them: `points` by operation, and what they were measured on."""
    from engine.install import install
    from engine.report import ConsoleReport
    from localcloud.modelmanagement import quota
    from tests.support.stacks.local_cloud import running
    from tests.support.stacks.program_stack import ProgramStack
    from tests.support.stacks.pulumi_project import PulumiProject

    machine = _machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = ConsoleReport()
        with report.stage("engine"):
            engine = install(folder / ".local", report)
        with mock.patch.object(quota, "in_use", return_value=0), running(folder / "localcloud") as cloud:
            empty = PulumiProject(engine, folder / "empty", state=folder / "empty-state")
            empty.write({"program/__main__.py": "import pulumi\n"})
            empty.init()
            empty.up()
            stacks: dict[int, ProgramStack] = {}
            for number in services:
                (folder / f"of-{number}").mkdir()
                stacks[number] = ProgramStack(engine, cloud, folder / f"of-{number}", f"of-{number}")
                _let_any_number_in(stacks[number])
                stacks[number].make(_config(stacks[number], number))
            costs = {
                "create": _created(stacks, min(turns, CHANGING_TURNS), progress),
                "preview": _previewed({0: empty, **stacks}, turns, progress),
                "update": _updated(stacks, min(turns, CHANGING_TURNS), progress),
            }
            for stack in stacks.values():
                stack.destroy()
    found = {operation: growth.points(costs[operation]) for operation in OPERATIONS}
    return {
        "turns": turns,
        "changing_turns": min(turns, CHANGING_TURNS),
        "points": {operation: [asdict(point) for point in found[operation]] for operation in OPERATIONS},
        "preview_ratio_limit": PREVIEW_RATIO_LIMIT,
        "at_most_linear": {operation: growth.is_at_most_linear(found[operation]) for operation in OPERATIONS},
        "machine": {**machine, "load_after": _load()},
    }


def _let_any_number_in(stack: ProgramStack) -> None:
    """Has the stack's program refuse no services that an account has no room for, as the server does."""
    manifest = stack.folder / "Pulumi.yaml"
    manifest.write_text(manifest.read_text().replace("main: infra", "main: program"))
    (stack.folder / "program").mkdir()
    (stack.folder / "program" / "__main__.py").write_text(_PROGRAM)


def _config(stack: ProgramStack, number: int, generation: int = 1) -> dict[str, Any]:
    """The setting that lists so many services; the last one's certificate has a generation of its own."""
    items: list[dict[str, Any]] = [
        {"name": f"s{one}", "fqdn": f"s{one}.{stack.fqdn.partition('.')[2]}"} for one in range(1, number + 1)
    ]
    items[-1]["certificateGeneration"] = generation
    capacity = min(number, MAX_CAPACITY)
    return {"fpga-web-service:services": items, "fpga-web-service:accountCapacity": str(capacity)}


def _created(stacks: Mapping[int, ProgramStack], turns: int, progress: Progress) -> list[dict[int, Cost]]:
    found = []
    for turn in range(1, turns + 1):
        found.append({number: cost.of(stack.up) for number, stack in stacks.items()})
        progress(f"create {turn} of {turns}: {_told(found[-1])}")
        if turn < turns:
            for stack in stacks.values():
                stack.destroy()
    return found


def _previewed(stacks: Mapping[int, PulumiProject], turns: int, progress: Progress) -> list[dict[int, Cost]]:
    found = []
    for turn in range(turns + 1):
        costs = {
            number: cost.of(lambda stack=stack: stack.preview("--expect-no-changes"))  # type: ignore[misc]
            for number, stack in stacks.items()
        }
        if turn:  # the first turn warms up
            found.append(costs)
            progress(f"preview {turn} of {turns}: {_told(costs)}")
    return found


def _updated(stacks: Mapping[int, ProgramStack], turns: int, progress: Progress) -> list[dict[int, Cost]]:
    found = []
    for turn in range(1, turns + 1):
        for number, stack in stacks.items():
            stack.configure(_config(stack, number, generation=turn + 1))
        found.append({number: cost.of(stack.up) for number, stack in stacks.items()})
        progress(f"update {turn} of {turns}: {_told(found[-1])}")
    return found


def _told(costs: Mapping[int, Cost]) -> str:
    return ", ".join(f"{number}: {one.wall_s:.1f} s" for number, one in costs.items())


def _machine() -> dict[str, Any]:
    """What the figures depend on, and which others may have taken of it."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "pulumi": version("pulumi"),
        "load_before": _load(),
    }


def _load() -> float:
    """How many processes wanted a core, on average of the last five minutes."""
    return round(os.getloadavg()[1], 1)


def show(result: dict[str, Any]) -> None:
    """Prints the figures for a person."""
    print("services in a stack")
    for operation, label in OPERATIONS.items():
        linear = verdict(result["at_most_linear"][operation])
        print(f"  {label}   (no faster than linear: {linear})")
        for point in points(result, operation):
            further = "" if point.further_s is None else f"; each further one {point.further_s:.3f} s"
            told = f"{point.services} services" if point.services else "an empty program"
            figures = f"{point.wall_s:6.2f} s, CPU {point.cpu_s:6.2f} s, {point.ratio:.2f} x"
            print(f"    {told:<18} {figures}{further}")
    last = points(result, "preview")[-1]
    met = verdict(last.ratio <= PREVIEW_RATIO_LIMIT)
    print(f"  preview of {last.services} services: {last.ratio:.2f} x (at most {PREVIEW_RATIO_LIMIT}: {met})")


def points(result: Mapping[str, Any], operation: str) -> list[Point]:
    """The points of one operation, of figures as JSON has them."""
    return [Point(**point) for point in result["points"][operation]]


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(sorted({int(part) for part in text.split(",")}))
    if numbers[0] < 1:
        raise ValueError
    return numbers


def main(arguments: list[str] | None = None) -> int:
    """Measures, and prints or writes; 0 also where a limit is missed, for a figure is no test."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.services", description="How a stack's cost grows with its services."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--turns", type=int, default=TURNS, metavar="N", help=f"previews (default: {TURNS})")
    parser.add_argument(
        "--services",
        type=_numbers,
        default=SERVICES,
        metavar="N,…",
        help="numbers of services (default: 1,10,50)",
    )
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="renew the table and the picture of a page"
    )
    options = parser.parse_args(arguments)
    if options.turns < 1:
        parser.error(f"--turns {options.turns}: give 1 or more")
    if options.write and not options.write.is_file():
        parser.error(f"--write {options.write}: there is no such page")
    result = measure(options.turns, lambda line: print(line, file=sys.stderr, flush=True), options.services)
    if options.write:
        from tools.bench import growth_page

        growth_page.write(options.write, result)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
