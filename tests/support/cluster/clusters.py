"""Clusters: machines that run Ray with token and TLS, each with credentials of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from localcloud.cluster import issuing, node_folder
from localcloud.cluster.credentials import Credentials
from localcloud.cluster.membership import HEAD_PORT
from localcloud.scoring.addresses import Endpoint
from tests.support.cluster.packages import python, with_ray
from tests.support.machines import Machine, Network, network
from tests.support.waiting import wait_until

_START_TIMEOUT_S: Final = 120.0
_ALIVE: Final = """
import json, sys
from ray._private.state import GlobalState
from ray._raylet import GcsClientOptions
state = GlobalState()
state._initialize_global_state(GcsClientOptions.create(sys.argv[1], None, True, False))
print(json.dumps({one["NodeManagerAddress"]: one["Resources"] for one in state.node_table() if one["Alive"]}))
"""


@dataclass(frozen=True)
class Node:
    """A machine of a cluster.

    Attributes:
        machine: its namespace.
        credentials: its files.
        head: where the head takes nodes.
        replicas: how many it has room for.
        folder: what it keeps as a machine of the cluster.
        python: a Python with Ray installed, whatever variables say.
    """

    machine: Machine
    credentials: Credentials
    head: Endpoint
    replicas: int
    folder: Path
    python: Path

    @property
    def address(self) -> str:
        """Its address in the cluster."""
        return self.machine.address

    @property
    def is_head(self) -> bool:
        """Whether the cluster's head is on it."""
        return self.address == self.head.address

    def environment(self) -> dict[str, str]:
        """The variables of a process on it that finds Ray, and is let in by the cluster."""
        return with_ray(dict(os.environ) | self.credentials.environment())

    def run(
        self, *command: str | Path, code: int | None = 0, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command on it with these variables; see `Machine.run`."""
        return self.machine.run(*command, code=code, timeout_s=timeout_s, environment=self.environment())

    def start(self) -> None:
        """Has it join, or be the head; once more, where it was powered off."""
        part = ("--head",) if self.is_head else (self.head.target,)
        files = self.credentials
        self.fpga(
            *("cloud", "join", *part, "--data", self.folder, "--replicas", str(self.replicas)),
            *("--ray-tls", files.tls_folder, "--ray-token", files.token_file),
            timeout_s=_START_TIMEOUT_S,
        )

    def leave(self) -> None:
        """Has it leave."""
        self.fpga("cloud", "leave", "--data", self.folder)

    def fpga(
        self, *arguments: str | Path, code: int | None = 0, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs `fpga` on it, of an environment with the extra `ray`; see `Machine.run`."""
        command = (self.python, "-EPXutf8", "-m", "fpga.cli", *arguments)
        return self.machine.run(*command, code=code, timeout_s=timeout_s)

    def power_off(self) -> None:
        """Kills every process on it; its address and files stay. `start` has it back."""
        wait_until(lambda: not self._kill(lambda _: True))

    def kill_raylet(self) -> None:
        """Kills the process that keeps its workers, which end with it. It joins again by itself."""
        assert self._kill(lambda line: line[0].endswith("/raylet")), "no raylet runs there"

    def kill_workers(self, name: str) -> list[int]:
        """Kills its workers of an actor's class, such as `Replica`: their numbers.

        A worker is told apart by its title (`ray::ServeReplica:APPLICATION:DEPLOYMENT`, ...).
        """
        killed = self._kill(lambda line: line[0].startswith("ray::") and name in line[0])
        assert killed, f"no worker of {name} runs there"
        return killed

    def workers(self, name: str) -> list[int]:
        """The numbers of its workers' processes, as `kill_workers` tells them apart."""
        return [pid for pid, line in self.processes() if line[0].startswith("ray::") and name in line[0]]

    def processes(self) -> list[tuple[int, list[str]]]:
        """The processes on it, each with its command line."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self.machine.name], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        found = []
        for pid in map(int, listed.split()):
            with suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                found.append((pid, [part.decode(errors="replace") for part in line]))
        return [(pid, line) for pid, line in found if line[0] and pid != os.getpid()]

    def silence(self) -> None:
        """Takes its link down: no packet reaches it, and none leaves it."""
        self.machine.run("ip", "link", "set", "eth0", "down")

    def speak(self) -> None:
        """Takes its link up again."""
        self.machine.run("ip", "link", "set", "eth0", "up")

    def _kill(self, meant: Callable[[list[str]], bool]) -> list[int]:
        killed = []
        for pid, line in self.processes():
            if meant(line):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
        return killed


@dataclass(frozen=True)
class Cluster:
    """A head, and the nodes that have joined.

    Attributes:
        network: of its machines; others can be put on it that are of no cluster.
        folder: of its files.
        nodes: its machines, the head first.
    """

    network: Network
    folder: Path
    _python: Path
    _subnet: str
    _running: ExitStack
    nodes: list[Node] = field(default_factory=list)

    @property
    def credentials(self) -> Path:
        """The folder that `fpga cloud credentials` makes, with those of each machine."""
        return self.folder / "credentials"

    @property
    def head(self) -> Node:
        """The first machine."""
        return self.nodes[0]

    @property
    def address(self) -> Endpoint:
        """Where the head takes nodes and drivers."""
        return Endpoint(f"{self._subnet}.1", HEAD_PORT)

    def node(self, label: str, replicas: int = 2, *, start: bool = True) -> Node:
        """Another machine, which has joined.

        Args:
            label: letters and digits, for people.
            replicas: how many it has room for.
            start: False: it is only made.
        """
        address = f"{self._subnet}.{len(self.nodes) + 1}"
        folder = self.folder / f"node-{label}"
        self._running.callback(shutil.rmtree, node_folder.temporary(folder), ignore_errors=True)
        machine = self.network.machine(label, address)
        (credentials,) = (one for one in issuing.make(self.credentials, [address]) if one.address == address)
        made = Node(machine, credentials.credentials, self.address, replicas, folder, self._python)
        self.nodes.append(made)
        if start:
            made.start()
        return made

    def stranger(self, label: str) -> Machine:
        """A machine on its network that has no credentials."""
        return self.network.machine(label, f"{self._subnet}.{200 + len(label)}")

    def alive(self) -> dict[str, Mapping[str, float]]:
        """The nodes that the head believes alive: their resources, by address."""
        told = self.head.run(sys.executable, "-c", _ALIVE, self.address.target).stdout
        found: dict[str, Mapping[str, float]] = json.loads(told.splitlines()[-1])
        return found

    def wait_for_nodes(self, number: int) -> None:
        """Waits until so many nodes are alive."""
        wait_until(lambda: len(self.alive()) == number)


@contextmanager
def cluster(folder: Path, replicas: int = 0, *, hook: str | None = None) -> Iterator[Cluster]:
    """A cluster of a head alone, until the end of the block: then every process on its machines is killed.

    Args:
        folder: where files are made.
        replicas: how many the head's own machine has room for.
        hook: a module that every Python of Ray's imports there.
    """
    # Ray finds a cluster of the same address by the processes of all namespaces
    subnet = f"10.{64 + os.getpid() // 256 % 64}.{os.getpid() % 256}"
    with network() as made, ExitStack() as running:
        found = Cluster(made, folder, python(folder / "with-ray", hook), subnet, running)
        found.node("head", replicas)
        yield found
