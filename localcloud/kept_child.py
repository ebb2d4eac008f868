"""A child process that is kept: started again whenever it ends, until this process has it end."""

from __future__ import annotations

import abc
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 10.0
STEADY_AFTER_S: Final = 30.0
"""A child that lived this long failed for a new reason: the back-off starts anew."""

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")

log = logging.getLogger(__name__)


def tied(program: str, *arguments: str) -> list[str]:
    """The command line of a program that the kernel ends when this process ends, however that does."""
    return [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), program, *arguments]


class KeptChild(abc.ABC):
    """One child after another, with growing pauses between them.

    Args:
        name: what it is called in the log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._failure = ""
        self._starts = 0
        self._stop = threading.Event()
        # The kernel may end a child with the thread that has started it: this one lasts.
        self._keeper = threading.Thread(target=self._keep, name=name.lower(), daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the child that serves now; None while there is none."""
        with self._changed:
            return self._child.pid if self._child is not None and self._ready else None

    @property
    def restarts(self) -> int:
        """How often it has been started again."""
        with self._changed:
            return max(0, self._starts - 1)

    def _end(self, timeout_s: float) -> None:
        """Has no other child begin, ends the one that there is and waits for its end. May be called twice.

        Args:
            timeout_s: how long it may take, in seconds, before it is killed.
        """
        with self._changed:
            self._stop.set()
            child = self._child
            self._changed.notify_all()
        if child is not None:
            self._ask_to_end(child)
            try:
                child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                log.warning("%s did not end within %g s and was killed", self._name, timeout_s)
                self._kill(child)
        if self._keeper.is_alive():
            self._keeper.join()

    def _ask_to_end(self, child: subprocess.Popen[bytes]) -> None:
        """Has a child begin to end."""
        child.terminate()

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        """Ends a child that has not ended when it was asked to."""
        child.kill()

    @abc.abstractmethod
    def _spawn(self) -> subprocess.Popen[bytes]:
        """Starts a child; the condition is held.

        Raises:
            OSError: there is none to start.
        """

    @abc.abstractmethod
    def _attend(self, child: subprocess.Popen[bytes]) -> str:
        """Serves a child until it has ended, and says of what it has."""

    def _keep(self) -> None:
        """The keeper's thread: one child after another until `stop`."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            started = time.monotonic()
            with self._changed:
                if self._stop.is_set():
                    return
                try:
                    child = self._child = self._spawn()
                    self._starts += 1
                except OSError as error:
                    child, failure = None, f"{error.filename}: {error.strerror}"
            if child is not None:
                failure = self._attend(child)
            with self._changed:
                self._ready, self._child, self._failure = False, None, failure
                self._changed.notify_all()
                if self._stop.is_set():
                    return
                if time.monotonic() - started > STEADY_AFTER_S:
                    backoff_s = FIRST_BACKOFF_S
                log.warning("%s ended (%s); starting it again in %.1f s", self._name, failure, backoff_s)
                self._changed.wait_for(self._stop.is_set, backoff_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
