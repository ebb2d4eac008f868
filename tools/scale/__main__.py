"""`python -m tools.scale [--write FILE]`: what growth costs, of costs that are measured first.

It measures a call beside in-process (`tools.bench.replicas`), then what else has a limit, simulates fleets
with these costs, and prints the tables of docs/scale.md, or renews them in it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

from surroundings import settle
from tools.bench import replicas
from tools.chaos import page
from tools.scale import limits, tables
from tools.scale.costs import Costs

_TURNS = 5


def main() -> int:
    """Measures, simulates, and prints or writes the tables."""
    settle()
    parser = argparse.ArgumentParser(prog="python -m tools.scale", description="What growth costs.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the tables of this page")
    options = parser.parse_args()

    def progress(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    result = replicas.measure(_TURNS, progress)
    costs = Costs.of(result)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on the disk that data is on
        found = limits.measure(Path(folder), progress)
    measured = (
        f"Measured on {os.cpu_count()} cores that others used too, Python {platform.python_version()}; "
        f"placed beside in-process {result['cpu_ratio']:.2f} times the CPU an image."
    )
    simulated = "Simulated with the costs above."
    made = (
        (tables.COSTS, tables.of_costs(costs), measured),
        (tables.GROWTH, tables.of_growth(costs, progress), simulated),
        (tables.LOSSES, tables.of_losses(costs, progress), simulated),
        (tables.LIMITS, tables.of_limits(found, costs), measured),
    )
    if options.write is None:
        for title, table, _ in made:
            print(f"\n{title}\n{table.text()}")
        print(json.dumps({"costs": result, "limits": limits.to_json(found)}, indent=2), file=sys.stderr)
        return 0
    text = options.write.read_text("utf-8")
    for title, table, note in made:
        text = page.renewed(text, title, table, note)
    options.write.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
