"""The service manager that started this process, such as systemd: it is told how far the process is.

The protocol is sd_notify(3)'s: datagrams of lines `NAME=value` to the socket that `NOTIFY_SOCKET` names, by
path, or with a leading `@` by Linux's abstract name. Standard library only.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping

SOCKET = "NOTIFY_SOCKET"
_VARIABLES = (SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID")

log = logging.getLogger(__name__)


class ServiceManager:
    """A service manager, or none: then nothing is told to anybody.

    Args:
        address: the socket that it listens at; None: there is none.
        watchdog_s: the longest time between two signs of life, in seconds; None: it waits for none.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self._watchdog_s = watchdog_s

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return self._address is not None

    def ready(self, status: str) -> None:
        """Says that every part is ready, after a start or a reload."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Says that a reload has begun; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str, within_s: float) -> None:
        """Says that the end has begun, and is to be waited for so many seconds, whatever the manager's own
        time is.
        """
        self._tell("STOPPING=1", f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={round(within_s * 1e6)}")

    @contextlib.contextmanager
    def watched(self, is_alive: Callable[[], bool]) -> Iterator[None]:
        """Gives signs of life inside the block, two in each interval, as long as there is life.

        Args:
            is_alive: asked before each sign; as long as it does not answer, there is none.
        """
        if self._watchdog_s is None:
            yield
            return
        ended = threading.Event()
        interval_s = self._watchdog_s / 2

        def give_signs() -> None:
            while True:
                if is_alive():
                    self._tell("WATCHDOG=1")
                else:
                    log.error("the server does not turn: no sign of life is given")
                if ended.wait(interval_s):
                    return

        threading.Thread(target=give_signs, name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            ended.set()  # and is not waited for: it may be what hangs

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
                told.connect(address)
                told.sendall("\n".join(lines).encode())
        except OSError as error:
            log.warning("the service manager at %s cannot be told %s: %s", self._address, lines[0], error)


def taken(environ: MutableMapping[str, str]) -> ServiceManager:
    """The service manager that the variables name, which are taken from them: no child is to speak for this
    process.
    """
    found = {name: environ.pop(name, "") for name in _VARIABLES}
    address = found[SOCKET]
    if not address.startswith(("/", "@")):
        return ServiceManager()
    is_meant = found["WATCHDOG_PID"] in ("", str(os.getpid()))
    usec = int(found["WATCHDOG_USEC"]) if is_meant and found["WATCHDOG_USEC"].isdecimal() else 0
    return ServiceManager(address, usec / 1e6 if usec else None)
