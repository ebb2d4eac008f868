"""`python -m localcloud.featurizers build --out DIR`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from localcloud.featurizers.builder import ModelSourceError, build


def main(arguments: list[str] | None = None) -> int:
    """Builds the model that localcloud serves; 0 when it is there, 1 with one line saying why not."""
    parser = argparse.ArgumentParser(
        prog="python -m localcloud.featurizers",
        description="Turns the published weights of EfficientNet-Lite0 into what localcloud serves.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    build_parser = commands.add_parser(
        "build",
        help="make the featurizer and the model package",
        description="Makes DIR/featurizers (built into the device) and DIR/package (what a program deploys). "
        "Does nothing where DIR was made from the same weights by the same script.",
    )
    build_parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    options = parser.parse_args(arguments)

    started = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {line}", flush=True)

    try:
        built = build(options.out, report)
    except (ModelSourceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    state = "Built" if built.changed else "Already there:"
    report(f"{state} {built.package} and {built.featurizers}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
