"""`launcher.py PARENT PROGRAM [ARGUMENT ...]`: becomes the program, which ends when its parent does.

The kernel kills it (prctl(2), PR_SET_PDEATHSIG): a parent that is killed says nothing. Standard library only,
of Linux.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(parent: int, program: str, arguments: list[str]) -> None:
    """Does not return.

    Raises:
        OSError: there is no such program, or it cannot be run.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it has ended before it could be watched
        sys.exit(1)
    os.execv(program, [program, *arguments])  # noqa: S606 - from a list, never through a shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
