"""Envoy as a child process: started again whenever it dies, and gone when this process is."""

from __future__ import annotations

import logging
import subprocess
import threading
from pathlib import Path
from typing import Final

from localcloud.edge.admin import Admin
from localcloud.errors import StartError
from localcloud.kept_child import KeptChild, tied
from surroundings import variables

DRAIN_S: Final = 30
"""How long calls may go on over connections that began with another certificate, or SSL the other way."""
_TRACES: Final = ("backtrace:", "envoy_bug:")
"""Begin lines that say nothing to a person."""
_LOOK_INTERVAL_S: Final = 0.02
_END_S: Final = 5.0

log = logging.getLogger(__name__)


class Envoy(KeptChild):
    """The child.

    Args:
        binary: Envoy's executable.
        bootstrap: the file that it starts with.
        admin: asks it.
        threads: that take calls.
    """

    def __init__(self, binary: Path, bootstrap: Path, admin: Admin, threads: int) -> None:
        super().__init__("Envoy")
        self._admin = admin
        self._binary = binary
        self._command = [
            *tied(str(binary), "--config-path", str(bootstrap)),
            *("--concurrency", str(threads)),
            # Two on a machine would share what they keep in memory for it.
            "--disable-hot-restart",
            *("--drain-time-s", str(DRAIN_S), "--drain-strategy", "immediate"),
            *("--file-flush-interval-msec", "1000"),
            *("--log-level", "warning", "--log-format", "%n: %v"),
            # that it was told to end
            *("--component-log-level", "main:error"),
        ]
        self._version: str | None = None
        self._said = ""

    @property
    def version(self) -> str | None:
        """Its version; None before it has served."""
        with self._changed:
            return self._version

    def start(self, timeout_s: float = 20.0) -> None:
        """Starts it and returns when it serves.

        Raises:
            StartError: it did not come up; the message holds what it said.
        """
        self._keeper.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._failure, timeout_s)
            if self._ready:
                return
            failure = self._failure or f"it was not ready after {timeout_s:g} s"
        self.stop()
        raise StartError(f"Envoy ({self._binary}) does not start: {failure}. The log has more.")

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Whether it serves, or does so within a time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready, timeout_s)

    def kill(self) -> None:
        """Ends the child that runs now, at once; another one is started."""
        with self._changed:
            child = self._child
        if child is not None:
            child.kill()

    def stop(self) -> None:
        """Ends it and waits for its end. May be called twice."""
        self._end(_END_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._said = ""
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=variables.made({}),
            umask=0o077,
            # a terminal's Ctrl-C is for localcloud, which ends the child in its own time
            start_new_session=True,
        )

    def _attend(self, child: subprocess.Popen[bytes]) -> str:
        said = threading.Thread(target=self._listen, args=(child,), name="envoy's log", daemon=True)
        said.start()
        self._await_ready(child)
        code = child.wait()
        said.join()
        return self._said or f"exit code {code}"

    def _await_ready(self, child: subprocess.Popen[bytes]) -> None:
        while child.poll() is None and not self._stop.is_set():
            try:
                is_ready, version = self._admin.is_ready(), self._admin.version()
            except OSError:
                is_ready = False
            if is_ready:
                with self._changed:
                    self._ready, self._version = True, version
                    self._changed.notify_all()
                return
            self._stop.wait(_LOOK_INTERVAL_S)

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        """Has what the child says in the log, which is bounded while it says more."""
        assert child.stderr is not None  # noqa: S101 - made with a pipe
        with child.stderr:
            for line in child.stderr:
                text = line.decode(errors="replace").rstrip()
                if text and not text.startswith(_TRACES):
                    self._said = text
                if text:
                    log.warning("Envoy says: %s", text)
