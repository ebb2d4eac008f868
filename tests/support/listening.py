"""The sockets that processes listen at, as the kernel tells them in /proc/net (proc_pid_net(5))."""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs /proc (Linux)")
_STATES: Final = {"tcp": "0A", "udp": "07"}
"""TCP_LISTEN; of UDP, one that takes datagrams from anybody."""


class Listening(NamedTuple):
    """A socket that waits for callers: `tcp` or `udp`, its address, its port."""

    protocol: str
    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone reaches it."""
        return ipaddress.ip_address(self.address).is_loopback


def at(pids: Iterable[int]) -> set[Listening]:
    """The sockets that processes listen at; one that has ended has none."""
    found: set[Listening] = set()
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            inodes = set(_inodes(pid))
            found.update(one for inode, one in _table(pid) if inode in inodes)
    return found


def with_descendants(pid: int) -> list[int]:
    """A process, its children, theirs, and so on."""
    found = [pid]
    for parent in found:  # grows while it is gone through
        for task in _entries(f"/proc/{parent}/task"):
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, Path(f"/proc/{parent}/task/{task}/children").read_text().split())
    return found


def _inodes(pid: int) -> Iterator[str]:
    for descriptor in _entries(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError, ProcessLookupError):
            target = str(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
            if target.startswith("socket:["):
                yield target.removeprefix("socket:[").removesuffix("]")


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone
    except (FileNotFoundError, ProcessLookupError):
        return []


def _table(pid: int) -> Iterator[tuple[str, Listening]]:
    """Every listening socket of the process's network namespace, with its inode."""
    for name in ("tcp", "tcp6", "udp", "udp6"):
        protocol = name.removesuffix("6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == _STATES[protocol]:
                address, _, port = columns[1].partition(":")
                yield columns[9], Listening(protocol, _address(address), int(port, 16))


def _address(written: str) -> str:
    """The address of a table: words of 32 bits, each in this machine's order of octets."""
    words = [struct.pack("=I", int(written[i : i + 8], 16)) for i in range(0, len(written), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return str(getattr(address, "ipv4_mapped", None) or address)
