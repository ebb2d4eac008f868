"""Processes that the modes of files bind, whoever runs the tests:
`python tests/support/rights.py COMMAND...`."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

_DROP: Final = 24  # PR_CAPBSET_DROP, prctl(2)
_OVER_MODES: Final = (1, 2, 3)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, capabilities(7)


def bound_by_modes(*command: str) -> list[str]:
    """The command, so run that root is bound, too."""
    return [sys.executable, __file__, *command]


def take_write_rights(folder: Path) -> None:
    """Leaves all that is in the folder, and the folder, to be read alone."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _main(command: list[str]) -> None:
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in _OVER_MODES:
            if libc.prctl(_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    _main(sys.argv[1:])
