"""The end of a localcloud, told while it is waited for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_QUIET_S: Final = 1.0
"""An end that takes no longer needs no words."""


def stop(data: Path) -> bool:
    """Stops the localcloud of a data folder, and tells what is waited for: whether one was running.

    Raises:
        localcloud.errors.StartError: it does not end.
    """
    from fpga.console import progress_when_long
    from localcloud import control

    with progress_when_long("localcloud", _QUIET_S) as tell:
        return control.stop(data, waits=tell)
