"""Machines of a test's own: network namespaces (ip-netns(8)) on one switch, which no packet leaves.

The switch is a bridge in a namespace of its own: this machine's own namespace gets no link and no address,
and no machine a default route. What a killed test has left is removed when the next one begins.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.waiting import wait_until

needs_machines = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None,
    reason="needs root and `ip` (iproute2), to make network namespaces as machines",
)
PREFIX: Final = 24
_CLONE_NEWNET: Final = 0x40000000  # setns(2)
_NUMBERS: Final = itertools.count(1)
_NAME: Final = re.compile(r"fpga-(?P<pid>[0-9]+)-(?P<started>[0-9]+)-[0-9]+-[a-z0-9]+")
_SPACES: Final = Path("/run/netns")
_ETC: Final = Path("/etc/netns")


@dataclass(frozen=True)
class Machine:
    """A machine, from its start to its `end`.

    Attributes:
        name: of its namespace.
        address: its first address, by which others reach it.
    """

    name: str
    address: str

    def command(self, *command: str | Path) -> list[str]:
        """The command line that runs a command on it; the process is the command's own."""
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(
        self,
        *command: str | Path,
        code: int | None = 0,
        timeout_s: float = 60.0,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command on it.

        Args:
            code: the exit code that it must have; None: any.
            environment: all variables that it gets; None: this process's.
            folder: where it runs; None: where this process does.
        """
        done = subprocess.run(
            self.command(*command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=None if environment is None else dict(environment),
            cwd=folder,
        )
        told = f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        assert code is None or done.returncode == code, told
        return done

    def python(self, script: str, *arguments: str, timeout_s: float = 60.0) -> str:
        """The output of a script that runs on it.

        Raises:
            AssertionError: it failed.
        """
        return self.run(sys.executable, "-c", script, *arguments, timeout_s=timeout_s).stdout

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Has this thread be on it inside the block, with the threads and processes that it starts there.

        Names are looked up as on this machine: files are the same.
        """
        with (
            Path("/proc/thread-self/ns/net").open() as before,
            (_SPACES / self.name).open() as here,
        ):
            _enter(here.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def routes(self) -> list[dict[str, Any]]:
        """Its routes, as `ip -json route` tells them."""
        found: list[dict[str, Any]] = json.loads(_ip("-netns", self.name, "-json", "route", "show") or "[]")
        return found

    def end(self) -> None:
        """Its end, as by its power switch: every process on it is killed, and its links are gone."""
        _remove(self.name)


class Network:
    """A switch, and the machines on it."""

    def __init__(self, switch: str, running: ExitStack) -> None:
        self._switch, self._running = switch, running

    def machine(self, label: str, *addresses: str, resolver: str | None = None) -> Machine:
        """A machine with these addresses, until the end of the network or its own.

        The same first address has the same link-layer address: who takes another's place is found at once.

        Args:
            label: letters and digits, for people.
            resolver: address of the DNS server that its programs ask; None: it knows no names.
        """
        name = _new_name(label)
        etc = _ETC / name
        self._running.callback(_remove, name)
        etc.mkdir(parents=True)
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        # no search list: a name is looked up as it is written
        (etc / "resolv.conf").write_text(f"nameserver {resolver or '127.0.0.1'}\noptions timeout:5\n")
        _ip("netns", "add", name)
        _ip("-netns", name, "link", "set", "lo", "up")
        port = f"port{next(_NUMBERS)}"
        link_layer = "02:00:" + ":".join(f"{part:02x}" for part in IPv4Address(addresses[0]).packed)
        ends = ("type", "veth", "peer", "name", "eth0", "address", link_layer, "netns", name)
        _ip("-netns", self._switch, "link", "add", port, *ends)
        _ip("-netns", self._switch, "link", "set", port, "master", "switch", "up")
        for address in addresses:
            _ip("-netns", name, "address", "add", f"{address}/{PREFIX}", "dev", "eth0")
        _ip("-netns", name, "link", "set", "eth0", "up")
        return Machine(name, addresses[0])


@contextmanager
def network() -> Iterator[Network]:
    """A network without machines, which ends with all its machines at the end of the block."""
    remove_stale()
    switch = _new_name("switch")
    with ExitStack() as running:
        running.callback(_remove, switch)
        _ip("netns", "add", switch)
        _ip("-netns", switch, "link", "add", "switch", "type", "bridge")
        _ip("-netns", switch, "link", "set", "switch", "up")
        yield Network(switch, running)


def remove_stale() -> None:
    """Removes the machines of tests that are no more: their processes, links and files."""
    names = {path.name for folder in (_SPACES, _ETC) if folder.is_dir() for path in folder.iterdir()}
    for name in sorted(names):
        found = _NAME.fullmatch(name)
        if found and _started(int(found["pid"])) != found["started"]:
            _remove(name)


def addresses_here() -> list[str]:
    """The addresses of this thread's own namespace, each with its interface."""
    listed = json.loads(_ip("-json", "address", "show"))
    return sorted(
        f"{interface['ifname']} {one['local']}"
        for interface in listed
        for one in interface.get("addr_info", ())
        if one["family"] == "inet"
    )


def _new_name(label: str) -> str:
    return f"fpga-{os.getpid()}-{_started(os.getpid())}-{next(_NUMBERS)}-{label}"


def _started(pid: int) -> str | None:
    """When a process was started, in ticks since the machine was; None: there is none (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


def _remove(name: str) -> None:
    """Kills every process of a namespace, and removes it with its links; one that is gone is passed by."""
    if (_SPACES / name).exists():
        wait_until(lambda: not _killed(name))
        with suppress(subprocess.CalledProcessError):  # the switch has none
            _ip("-netns", name, "link", "del", "eth0")
        _ip("netns", "del", name)
    shutil.rmtree(_ETC / name, ignore_errors=True)


def _killed(name: str) -> list[int]:
    """The processes that a namespace had, each of which is told to die."""
    pids = [int(one) for one in _ip("netns", "pids", name).split() if int(one) != os.getpid()]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout
