"""The sockets of this process at an endpoint, found among its descriptors: gRPC hands out none."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from localcloud.scoring.addresses import Endpoint, UnixSocket

_DESCRIPTORS: Final = Path("/dev/fd")
_LOCK: Final = threading.Lock()
"""Held while descriptors are copied: a copy that another thread made is nobody's to close."""


def close_port(endpoint: Endpoint | UnixSocket) -> None:
    """Has nothing listen there any more; who is connected stays connected.

    The descriptor stays, as its owner closes it some day: it is of another socket from now on.
    """
    with _LOCK:
        for descriptor, found in _at(endpoint):
            with found:
                is_listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                family, kind = found.family, found.type
            if is_listening:
                with socket.socket(family, kind) as unused:
                    os.dup2(unused.fileno(), descriptor, inheritable=False)


def connections(endpoint: Endpoint | UnixSocket) -> dict[Any, socket.socket]:
    """The connections that there are, by their peers' addresses, as descriptors of the caller's own."""
    taken: dict[Any, socket.socket] = {}
    with _LOCK:
        for _, found in _at(endpoint):
            try:
                # who connects to a socket in the file system has no address
                peer = found.getpeername() or os.fstat(found.fileno()).st_ino
                is_new = taken.setdefault(peer, found) is found
            except OSError:  # it listens, or its peer is gone
                is_new = False
            if not is_new:
                found.close()
    return taken


def end(connection: socket.socket) -> None:
    """Has the peer read what was written, and then the connection's end: nothing more can be written."""
    with connection, contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _at(endpoint: Endpoint | UnixSocket) -> Iterator[tuple[int, socket.socket]]:
    """Each socket bound there: its descriptor, and a copy of it, which is to be closed.

    No copy of a file's is closed: with it this process would lose the locks that it has on the file, as
    SQLite's on the database (fcntl(2)).
    """
    listed = [int(one.name) for one in _DESCRIPTORS.iterdir()]
    beyond = max(listed) + 1  # so that no copy is taken for one that was listed
    for descriptor in listed:
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beyond)
        except OSError:  # closed since it was listed
            continue
        if not stat.S_ISSOCK(os.fstat(copy).st_mode):  # another's since then: the copy stays open
            continue
        found = socket.socket(fileno=copy)
        if _place(found) == endpoint:
            yield descriptor, found
        else:
            found.close()


def _place(found: socket.socket) -> tuple[str, int] | tuple[str] | None:
    if found.family == socket.AF_UNIX and found.type == socket.SOCK_STREAM:
        name = found.getsockname()
        return (name,) if isinstance(name, str) else None
    if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
        return None
    host, port = found.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    # where the machine has IPv6, gRPC binds IPv4 as a part of it
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), port
