"""A thread without the right to bind ports under 1024, whoever runs the tests."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

_VERSION_3: Final = 0x20080522
_NET_BIND_SERVICE: Final = 1 << 10
_UNPRIVILEGED_PORTS: Final = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def everybody_may_bind(port: int) -> bool:
    """Whether this system keeps the port for nobody (ip(7))."""
    return not _UNPRIVILEGED_PORTS.exists() or int(_UNPRIVILEGED_PORTS.read_text()) <= port


def without_the_right(call: Callable[[], object]) -> None:
    """Calls it on a thread whose effective capabilities lack CAP_NET_BIND_SERVICE (capset(2)).

    Raises:
        Exception: what the call raises.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            _drop()
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _drop() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)  # of the calling thread
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: the lower half, then the upper
    for name in ("capget", "capset"):
        if getattr(libc, name)(header, sets) != 0:
            raise OSError(ctypes.get_errno(), f"{name} failed")
        sets[0] &= ~_NET_BIND_SERVICE
