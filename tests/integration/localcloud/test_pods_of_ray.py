"""The Ray cluster of the manifests, on machines in the place of pods: it comes up, on open ports alone.

Kubernetes and KubeRay are not there: a machine runs the words of the manifests, in their order.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fpga.cloud.kubernetes import network as policies
from fpga.cloud.kubernetes import parts, ray, server
from fpga.cloud.kubernetes.wanted import Manifest, Wanted
from localcloud.authority import make_ca
from tests.support.cluster import command, with_ray
from tests.support.machines import Machine, needs_machines, network
from tests.support.waiting import wait_until

pytestmark = needs_machines

WANTED = Wanted(image="fpga:1", address="203.0.113.5", workers=1, cores=1)
HEAD, WORKER, SERVER = "10.77.9.1", "10.77.9.2", "10.77.9.3"
_PATIENCE_S = 120.0
NODES = """
import json, os
from ray._private.state import GlobalState
from ray._raylet import GcsClientOptions
state = GlobalState()
state._initialize_global_state(GcsClientOptions.create(os.environ["AT"], None, True, False))
print(json.dumps({one["NodeManagerAddress"]: one["Resources"] for one in state.node_table() if one["Alive"]}))
"""


class Pod:
    """A machine with the files and volumes of a pod."""

    def __init__(self, machine: Machine, spec: Manifest, secrets: Path, folder: Path) -> None:
        self.machine, self._folder = machine, folder
        self._places = {
            parts.SECRETS: str(secrets),
            parts.MEMORY: str(folder / "memory"),
            "/data/gcs": str(folder / "store"),
            "$(POD_IP)": machine.address,
            "$POD_IP": machine.address,
        }
        (folder / "memory").mkdir(parents=True)
        Path("/etc/netns", machine.name, "hosts").write_text(
            f"127.0.0.1 localhost\n{HEAD} {WANTED.ray_address}\n"
        )
        first = spec["initContainers"][0]
        assert first["name"] == "files"
        machine.run(sys.executable, *self.own(first["command"][1:]))

    def own(self, words: list[str]) -> list[str]:
        """Words of the manifests, with this machine's folders in the place of volumes."""
        found = words
        for place, own in self._places.items():
            found = [word.replace(place, own) for word in found]
        return found

    def variables(self, container: Manifest) -> dict[str, str]:
        """A container's variables, with what finds Ray here."""
        told = {one["name"]: one.get("value", self.machine.address) for one in container["env"]}
        told = dict(zip(told, self.own(list(told.values())), strict=True)) | {"HOME": str(self._folder)}
        return with_ray({"PATH": os.environ["PATH"], **told})

    @contextmanager
    def runs(self, container: Manifest, words: list[str]) -> Iterator[None]:
        """Has `ray start` run there, with folders of its own in the place of /tmp."""
        line = [*command(), *self.own(words), f"--temp-dir={self._folder}/t"]
        # again where it ends, as a container is: Ray gives itself half a minute
        again = ["sh", "-c", 'while :; do "$@"; done', "sh", *line]
        with (self._folder / "log").open("w") as log:
            child = subprocess.Popen(
                self.machine.command(*again),
                env=self.variables(container),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
            try:
                yield
            finally:
                self.machine.end()
                child.wait(60)

    def listens(self) -> set[int]:
        """The ports that other machines reach there."""
        told = self.machine.run("ss", "-Hltn").stdout
        found = re.findall(r"^LISTEN\s+\d+\s+\d+\s+(\S+):(\d+)\s", told, re.MULTILINE)
        return {int(port) for host, port in found if not host.startswith(("127.", "[::1]", "[::ffff:127."))}


def started_by_kuberay(group: Manifest, *part: str) -> list[str]:
    """The words of `ray start` that KubeRay makes of a group of the RayCluster."""
    given = group["rayStartParams"].items()
    params = [f"--{name}" if value == "true" else f"--{name}={value}" for name, value in given]
    cores, own = group["resources"]["CPU"], json.dumps({"scoring": float(group["resources"]["scoring"])})
    return ["start", *part, "--block", *params, f"--num-cpus={cores}", f"--resources={own}"]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    made = make_ca()
    for name, content in {
        "ray-ca/tls.crt": made.certificate,
        "ray-ca/tls.key": made.key,
        f"ray-token/{parts.TOKEN_KEY}": b"0123456789abcdef" * 4,
    }.items():
        file = tmp_path / "secrets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "secrets"


def test_the_cluster_comes_up_on_the_ports_that_are_open(secrets: Path) -> None:
    spec = ray.cluster(WANTED)["spec"]
    head, worker = spec["headGroupSpec"], spec["workerGroupSpecs"][0]
    of_server = server.stateful_set(WANTED)["spec"]["template"]["spec"]
    raylet = next(one for one in of_server["initContainers"] if one["name"] == "raylet")
    at = f"--address={WANTED.ray_address}:6379"
    # a socket's path has 107 bytes at most
    with network() as switch, tempfile.TemporaryDirectory(dir="/tmp") as name, ExitStack() as running:

        def pod(label: str, address: str, template: Manifest, container: Manifest, words: list[str]) -> Pod:
            made = Pod(switch.machine(label, address), template, secrets, Path(name, label))
            running.enter_context(made.runs(container, words))
            return made

        template = head["template"]["spec"]
        first = pod("head", HEAD, template, template["containers"][0], started_by_kuberay(head, "--head"))

        def nodes() -> Mapping[str, Mapping[str, Any]]:
            asked = first.variables(raylet) | {"AT": f"{HEAD}:6379"}
            done = first.machine.run(sys.executable, "-c", NODES, environment=asked, code=None)
            return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}

        wait_until(lambda: len(nodes()) == 1, _PATIENCE_S)  # as KubeRay has workers wait for their head
        template = worker["template"]["spec"]
        second = pod("worker", WORKER, template, template["containers"][0], started_by_kuberay(worker, at))
        third = pod("server", SERVER, of_server, raylet, raylet["command"][1:])
        wait_until(lambda: len(nodes()) == 3, _PATIENCE_S)
        found = nodes()
        assert {address: found[address].get("scoring", 0) for address in found} == {
            HEAD: 0,
            WORKER: 2,
            SERVER: 0,
        }
        own = policies.policies(WANTED)[1]["spec"]["ingress"][0]["ports"]
        open_to_pods = {port for one in own for port in range(one["port"], one["endPort"] + 1)}
        for one in (first, second, third):  # no replica is there, which would take any free port
            assert one.listens()
            assert not one.listens() - open_to_pods, one.machine.name
        assert (Path(name) / "head" / "store").is_dir()
