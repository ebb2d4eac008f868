"""The end of a localcloud, told while it is waited for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

_QUIET_S: Final = 1.0
"""An end that takes no longer needs no words."""


def stop(data: Path) -> bool:
    """Stops the localcloud of a data folder, and tells what is waited for: whether one was running.

    Raises:
        localcloud.errors.StartError: it does not end.
    """
    from contextlib import ExitStack

    from engine.report import ConsoleReport
    from localcloud import control

    began = time.monotonic()
    report = ConsoleReport()
    with ExitStack() as told:
        is_told = False

        def waits(what: str) -> None:
            nonlocal is_told
            if not is_told and time.monotonic() - began > _QUIET_S:
                told.enter_context(report.stage("localcloud"))
                report.note(f"localcloud: {what}")
                is_told = True
            report.progress(what)

        return control.stop(data, waits=waits)
