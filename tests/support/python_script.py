"""An executable that is a few lines of Python, wherever the Python that runs the tests is."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def write(path: Path, code: str) -> None:
    """Puts one at `path`, for its owner alone, with its code beside it.

    A `#!` line that names a Python cannot hold a path with a space.
    """
    beside = path.with_name(f"{path.name}.py")
    beside.write_text(code)
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(beside)])} "$@"\n')
    path.chmod(0o700)
