"""Reasons why a port cannot be bound, in words: taken, forbidden, or at an address that is not there."""

from __future__ import annotations

import errno
import os
import socket
import sys

PRIVILEGED = range(1, 1024)
"""Ports that a system keeps for who has the right to bind them."""


def is_taken(error: OSError) -> bool:
    """Whether another process has the port, and may let go of it; all else stays as it is."""
    return error.errno == errno.EADDRINUSE


def has_address(address: str) -> bool:
    """Whether this machine has an IPv4 address at all, whatever listens there.

    Raises:
        OSError: it may not be asked.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return False
            raise
    return True


def error_of(words: str) -> OSError | None:
    """The error of a bind that another program tells by its name, such as `listen EACCES: …`."""
    for name in ("EADDRINUSE", "EADDRNOTAVAIL", "EACCES", "EPERM"):
        if name in words:
            number = getattr(errno, name)
            return OSError(number, os.strerror(number))
    return None


def reason(error: OSError, host: str, port: int) -> str:
    """The reason and the remedy, as they follow `Port …` in a sentence.

    Args:
        error: what `bind` or `listen` raised (bind(2), ip(7)).
    """
    if is_taken(error):
        return "is taken by another process: stop that"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"cannot be bound, for this machine has no address {host}: add it to an interface"
    if error.errno not in (errno.EACCES, errno.EPERM):
        return f"cannot be bound ({error.strerror}): mend that"
    if port not in PRIVILEGED:
        return f"may not be bound by this user ({error.strerror}): have the system's rules allow it"
    gives = (
        "CAP_NET_BIND_SERVICE (AmbientCapabilities= of a systemd unit), or "
        f"`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`, gives it"
        if sys.platform == "linux"
        else "start it as a user who has it"
    )
    return f"needs the right to bind ports under {PRIVILEGED.stop}: {gives}"
