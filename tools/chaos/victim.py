"""A localcloud as a process of its own, with all its parts, that is killed and started again."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from localcloud import command_line, control
from localcloud.settings import CRASH_REPORT, Settings
from localcloud.status import Status
from tests.support.machines import Machine

NETWORK: Final = "127.93.0.0/16"
_READY_S: Final = 120.0


class StartFailed(Exception):
    """A localcloud that does not come up again: it needs a person."""


class Victim:
    """The localcloud of one data folder.

    Args:
        machine: where it runs; this thread is there, too. None: it is no machine of its own.
        environment: all variables that it gets; None: this process's.

    Attributes:
        said: the file of what its processes wrote.
    """

    def __init__(
        self,
        settings: Settings,
        machine: Machine | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.settings, self._machine, self._environment = settings, machine, environment
        self.said = settings.data.parent / "said"
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: int | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101 - it was begun
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started, and has not been killed."""
        return self._process is not None

    def begin(self) -> None:
        """Starts the process, and does not wait."""
        self._ready, told = os.pipe()
        command = [sys.executable, "-m", "localcloud", *command_line.arguments(self.settings, told)]
        try:
            with self.said.open("ab") as said:
                self._process = subprocess.Popen(
                    command if self._machine is None else self._machine.command(*command),
                    stdout=said,
                    stderr=said,
                    pass_fds=(told,),
                    env=None if self._environment is None else dict(self._environment),
                )
        finally:
            os.close(told)

    def start(self) -> Status:
        """Starts the process, and waits until it is ready.

        Raises:
            StartFailed: it does not become so.
        """
        self.begin()
        assert self._ready is not None  # noqa: S101 - just begun
        with os.fdopen(self._ready, "rb") as pipe:
            self._ready = None
            readable, _, _ = select.select([pipe], [], [], _READY_S)
            if not readable:
                raise StartFailed(f"it is not ready after {_READY_S:g} s: {self._threads()}")
            if pipe.read() != b"ready\n":
                raise StartFailed(_last_line(self.said))
        return control.status(self.settings.data)

    def _threads(self) -> str:
        """What its threads do, as faulthandler tells when it is made to crash."""
        assert self._process is not None  # noqa: S101 - it was begun
        self._process.send_signal(signal.SIGABRT)
        self._process.wait()
        report = self.settings.data / CRASH_REPORT
        return report.read_text() if report.exists() else "it had not got as far as its crash report"

    def kill(self, *, whole: bool = True, waits: bool = True) -> None:
        """Ends it by SIGKILL, at once with its children or alone.

        Args:
            waits: until its children are gone, too.
        """
        if self._process is None:
            return
        process, self._process = self._process, None
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        for child in children if whole else ():
            with suppress(psutil.NoSuchProcess):
                child.kill()
        process.wait()
        if waits:
            psutil.wait_procs(children, timeout=10)
        if self._ready is not None:
            os.close(self._ready)
            self._ready = None


def _last_line(said: Path) -> str:
    lines = said.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
