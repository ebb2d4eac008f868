"""Every benchmark, one after the other: `python -m tools.bench [--json]`, as `make bench` does."""

from __future__ import annotations

import argparse
import json
import sys

from surroundings import settle
from tools.bench import cloud, graph, load, replicas, scoring, services


def main() -> int:
    """Runs them and prints their figures at the end, together."""
    settle()
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench", description="Every benchmark, one after the other."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()

    def progress(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    benchmarks = (graph, services, cloud, scoring, replicas, load)
    results = [(one, one.measure(one.TURNS, progress)) for one in benchmarks]
    if options.json:
        print(json.dumps({one.__name__.split(".")[-1]: result for one, result in results}, indent=2))
    else:
        for one, result in results:
            one.show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
