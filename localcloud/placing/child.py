"""The child that holds the Ray driver: started again whenever it ends or falls silent.

Where the cluster's head is lost, Ray ends the process of its driver, or has it hang: neither may be
localcloud's. The child reads and writes lines of `messages` on its standard input, a socket.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Final

from localcloud.cluster.credentials import Credentials
from localcloud.kept_child import KeptChild, tied
from localcloud.placing.messages import Told
from surroundings import variables

SILENT_S: Final = 20.0
"""How long a child may say nothing whose cluster answers: it speaks every half second."""
JOINS_S: Final = 60.0
"""How long it may say nothing before, while it loads Ray and joins the cluster."""
_END_S: Final = 3.0
_LONGEST_LINE: Final = 1000
_LINES_A_MINUTE: Final = 20

log = logging.getLogger(__name__)


class Child(KeptChild):
    """The child.

    Args:
        credentials: this machine's, by which it is of the cluster.
        started: is called for each new child, which knows nothing yet.
        told: is called with what a child says.
    """

    def __init__(
        self, credentials: Credentials, started: Callable[[], object], told: Callable[[Told], object]
    ) -> None:
        super().__init__("The Ray driver")
        self._credentials, self._started, self._told = credentials, started, told
        self._channel: socket.socket | None = None

    @property
    def failure(self) -> str:
        """What the last one ended of; empty: none has."""
        with self._changed:
            return self._failure

    def start(self) -> None:
        """Starts it, and returns at once."""
        self._keeper.start()

    def send(self, line: bytes) -> None:
        """Has the child that there is read a line; without one, or one that hangs, it is lost."""
        with self._changed:
            channel = self._channel
        if channel is not None:
            try:
                channel.sendall(line)
            except OSError as error:  # the next one is told anew
                log.debug("the Ray driver takes no line: %s", error)

    def stop(self) -> None:
        """Ends it and waits for its end; the replicas stay. May be called twice."""
        self._end(_END_S)

    def _ask_to_end(self, child: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 - it ends with its socket
        with self._changed:
            channel = self._channel
        if channel is not None:
            _shut(channel)

    def _spawn(self) -> subprocess.Popen[bytes]:
        ours, theirs = socket.socketpair()
        with theirs:
            child = subprocess.Popen(
                tied(sys.executable, "-P", "-m", "localcloud.placing.driver"),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=self._environment(),
                umask=0o077,
                # Ray has the workers of a driver look for modules where that was started
                cwd="/",
                start_new_session=True,
            )
        self._channel = ours
        return child

    def _environment(self) -> dict[str, str]:
        """Its variables: it finds the packages that this process finds, and no other cluster or token."""
        paths = os.pathsep.join(path for path in sys.path if path)
        found = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        return variables.made(found) | self._credentials.environment() | {"PYTHONPATH": paths}

    def _attend(self, child: subprocess.Popen[bytes]) -> str:
        assert self._channel is not None and child.stderr is not None  # noqa: S101, PT018 - of _spawn
        said = _Said(child.stderr)
        with self._channel as channel:
            self._started()
            failure = self._listen(child, channel)
        child.kill()
        code = child.wait()
        said.join()
        with self._changed:
            self._channel = None
        return failure or said.last or f"exit code {code}"

    def _listen(self, child: subprocess.Popen[bytes], channel: socket.socket) -> str:
        """Hands on what it says until its end: why it has to end; empty: it does by itself."""
        channel.settimeout(JOINS_S)
        with channel.makefile("rb") as lines:
            while not self._stop.is_set():
                try:
                    line = lines.readline()
                except TimeoutError:
                    return f"it said nothing for {channel.gettimeout():g} s"
                except OSError as error:
                    return str(error)
                if not line.endswith(b"\n"):
                    break
                told = Told.read(line)
                channel.settimeout(SILENT_S if told.is_connected else JOINS_S)
                with self._changed:
                    self._ready = True
                    self._changed.notify_all()
                self._told(told)
        # its last words come before its end
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "it closed its socket"
        return ""


class _Said(threading.Thread):
    """A reader of what a child says on standard error, for the log: so many lines a minute, each cut.

    Attributes:
        last: the last line of them.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(name="the ray driver's log", daemon=True)
        self.last = ""
        self._stream = stream
        self.start()

    def run(self) -> None:
        begun, number = time.monotonic(), 0
        with self._stream:
            while line := self._stream.readline(_LONGEST_LINE):
                text = line.decode(errors="replace").strip()
                if not text:
                    continue
                self.last = text
                if time.monotonic() - begun > 60:
                    if number > _LINES_A_MINUTE:
                        log.warning("Ray said %d lines more", number - _LINES_A_MINUTE)
                    begun, number = time.monotonic(), 0
                number += 1
                if number <= _LINES_A_MINUTE:
                    log.warning("Ray says: %s", text)


def _shut(channel: socket.socket) -> None:
    try:
        channel.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the child has gone
