"""The end of a localcloud, told while it is waited for."""

from __future__ import annotations

from pathlib import Path


def stop(data: Path) -> bool:
    """Stops the localcloud of a data folder, and tells what is waited for: whether one was running.

    Raises:
        localcloud.errors.StartError: it does not end.
    """
    from fpga.console import told_when_long
    from localcloud import control

    with told_when_long("localcloud", f"the one of {data} ends") as tell:
        return control.stop(data, waits=tell)
