"""`python -m tools.actionlint ARGUMENTS`: runs actionlint in place of this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from engine import go
from engine.errors import EngineError
from engine.report import ConsoleReport
from surroundings import settle

MODULE = Path(__file__).parent
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"


def main() -> NoReturn:
    """Runs it; ends with 1 where it cannot be had."""
    settle()
    try:
        program = go.program(MODULE, PACKAGE, ConsoleReport(), what="actionlint")
    except EngineError as error:
        sys.exit(f"error: {error}")
    # -shellcheck= and -pyflakes=: whether a machine happens to have these must not change the verdict
    os.execv(program, [str(program), "-shellcheck=", "-pyflakes=", *sys.argv[1:]])  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
