"""A localcloud with all its parts, as a process that a test stops, kills and starts again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from localcloud import control
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support.localcloud import parts

SCORING_NETWORK = "127.92.0.0/16"


class Killable:
    """Runs from the beginning. Ports, CA and subscription are the same after each start."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.status = control.start(settings)

    def kill(self) -> None:
        """SIGKILL, as the system does where memory is gone."""
        assert self.status.pid is not None
        os.kill(self.status.pid, signal.SIGKILL)

    def start(self) -> Status:
        """Starts it again, behind a kill or a stop."""
        self.status = control.start(self.settings)
        return self.status

    def stop(self) -> None:
        """Has it end in order."""
        control.stop(self.settings.data)


@contextmanager
def killable(data: Path) -> Iterator[Killable]:
    """A localcloud of that data folder; stopped at the block's end."""
    running = Killable(replace(parts.settings(data), scoring_network=SCORING_NETWORK))
    try:
        yield running
    finally:
        running.stop()
