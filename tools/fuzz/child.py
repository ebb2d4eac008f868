"""The process in which a fuzz target runs, heard line by line while it goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from engine import bootstrap

CHECKOUT: Final = Path(__file__).resolve().parents[2]
_SILENCE_S: Final = 1.0


def run(command: Sequence[str], hear: Callable[[str], object]) -> int:
    """The exit code of a command that was run in the checkout; it is killed where this is broken off.

    Args:
        hear: takes each line that it says, and an empty one after each second of silence.
    """
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        assert child.stdout is not None  # noqa: S101 - asked for above
        try:
            for line in bootstrap.output(child.stdout, _SILENCE_S):
                hear(line)
        except BaseException:
            child.kill()
            raise
    return child.returncode
