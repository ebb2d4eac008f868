"""Machines beside this one: network namespaces (ip-netns(8)), each with a link to this machine's own."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

needs_machines = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None,
    reason="needs root and `ip` (iproute2), to make network namespaces as machines",
)
_NUMBERS = itertools.count(os.getpid() % 4000)


@dataclass(frozen=True)
class Machine:
    """A machine that no packet leaves but to this one.

    Attributes:
        near: the address that this machine has on the link between them.
        far: its own.
    """

    name: str
    near: str
    far: str

    def python(self, script: str, *arguments: str, timeout_s: float = 60.0) -> str:
        """What a script prints that runs on it.

        Raises:
            AssertionError: it failed.
        """
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def beside() -> Iterator[Machine]:
    """A machine for as long as the context lasts."""
    number = next(_NUMBERS) % 16384
    name, link = f"fpga-{os.getpid()}-{number}", f"fpga{number}"
    network = f"10.{231 + number // 8192}.{number // 64 % 256}.{number % 64 * 4}"
    base, _, last = network.rpartition(".")
    machine = Machine(name, f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}")
    with ExitStack() as undo:
        _ip("netns", "add", name)
        undo.callback(_ip, "netns", "del", name)
        _ip("link", "add", f"{link}a", "type", "veth", "peer", "name", f"{link}b", "netns", name)
        _ip("address", "add", f"{machine.near}/30", "dev", f"{link}a")
        _ip("link", "set", f"{link}a", "up")
        _ip("-netns", name, "address", "add", f"{machine.far}/30", "dev", f"{link}b")
        _ip("-netns", name, "link", "set", f"{link}b", "up")
        yield machine


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=30)
