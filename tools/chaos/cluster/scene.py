"""The machines: localcloud behind an edge beside Ray's head, two nodes with replicas, and who calls them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from localcloud import control
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support import envoy
from tests.support.certificates.authority import Authority
from tests.support.cluster import Cluster, Node, cluster
from tests.support.localcloud import parts, scoring_parts
from tests.support.localcloud.data_plane import DataPlane, PackageHost
from tools.chaos.cluster.callers import Callers, calling
from tools.chaos.victim import Victim

ZONE: Final = "machines.test"
NAME: Final = f"fpga.{ZONE}"
PORT: Final = 50051
PLACES: Final = 3
"""Replicas that a node has room for, and as many again for an update."""


@dataclass
class Scene:
    """The machines, and the service that is called.

    Attributes:
        cluster: its head's machine is localcloud's.
        nodes: those that have replicas.
        models: the IDs of two models; each says that a photo is of the class of its number.
        answer: the number of the one that the service has.
        replicas: how many the service is to have.
        joined: how many machines the cluster is to have.
    """

    cluster: Cluster
    nodes: tuple[Node, Node]
    victim: Victim
    callers: Callers
    service_id: str
    models: tuple[str, str]
    plane: DataPlane
    answer: int = 0
    replicas: int = 1
    joined: int = 3

    def meet(self, status: Status) -> None:
        """Goes on with a localcloud that was started again."""
        self.plane.close()
        self.plane = DataPlane(status)

    def status(self) -> Status:
        """The status that localcloud tells."""
        return control.status(self.victim.settings.data)

    def workers(self) -> set[int]:
        """The numbers of the replicas' processes on all nodes."""
        return {pid for node in self.nodes for pid in node.workers("Replica")}

    def is_connected(self) -> bool:
        """Whether Ray answers localcloud."""
        cluster = self.status().replicas
        return cluster is not None and cluster.connected

    def says(self) -> tuple[str | None, int]:
        """Of localcloud's status what is not as it is wanted, None: all is; and how many replicas answer."""
        status = self.status()
        (service,), cluster = status.services, status.replicas
        assert cluster is not None and service.answering is not None  # noqa: S101, PT018 - they are placed
        have = service.answering
        if not cluster.connected:
            return cluster.trouble or "not connected", have
        if have != self.replicas:
            return f"{have} of {self.replicas} replicas answer", have
        if cluster.nodes != self.joined:
            return f"{cluster.nodes} machines", have
        return None, have

    def update(self, **changes: Any) -> str:
        """Changes the service, and returns when that is done: the operation's state, and why it failed."""
        body = {"numReplicas": self.replicas} | changes
        operation = self.plane.update(self.service_id, self.models[self.answer], **body)
        reason = (operation.get("error") or {}).get("message")
        state = str(operation["state"])
        return f"{state}: {reason}" if reason else state


@contextmanager
def made() -> Iterator[Scene]:
    """The machines with a service that is called. This thread is at the localcloud's inside the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="machines-")))
        machines = stack.enter_context(cluster(folder))
        head = machines.head
        nodes = machines.node("one", PLACES, start=False), machines.node("two", PLACES, start=False)
        joining = stack.enter_context(ThreadPoolExecutor())
        joined = [joining.submit(node.start) for node in nodes]
        subnet = head.address.rpartition(".")[0]
        caller = machines.network.machine("caller", f"{subnet}.100", resolver=head.address)
        stack.enter_context(head.machine.entered())
        packages = stack.enter_context(PackageHost().running())
        victim = Victim(_settings(folder / "data", head), head.machine, head.environment())
        stack.callback(victim.kill)
        plane = DataPlane(victim.start())
        plane.make_account()
        first, second = (
            plane.register(packages.put(f"/c/{number}.zip", _package(number)), f"model-{number}")
            for number in (0, 1)
        )
        for one in joined:
            one.result()
        authority = Authority()
        service = plane.deploy(first, "called", **_on(authority))
        _declare(plane, service["ipAddress"])
        key = plane.keys(service["id"])[0]
        callers = stack.enter_context(calling(caller, NAME, PORT, authority.root, key))
        callers.let_each_be_answered(0.0, answer=0)
        scene = Scene(machines, nodes, victim, callers, service["id"], (first, second), plane)
        stack.callback(lambda: scene.plane.close())
        yield scene


def _settings(data: Path, head: Node) -> Settings:
    return replace(
        parts.settings(data),
        node=None,
        azurite=None,
        host=head.address,
        public=True,
        dns_port=53,
        scoring_network=head.address,
        scoring_port=PORT,
        edge="envoy",
        envoy=envoy.executable(),
        ray=head.head.target,
        ray_token=head.credentials.token_file,
        ray_tls=head.credentials.tls_folder,
        fallback="local",
    )


def _on(authority: Authority) -> dict[str, Any]:
    issued = authority.issue([NAME])
    return {"sslEnabled": True, "sslCertificate": issued.pem.decode(), "sslKey": issued.key_pem.decode()}


def _package(answer: int) -> bytes:
    """The built-in featurizer, and behind it a classifier that says of each photo that it is of one class."""
    stages = scoring_parts.brainwave(), scoring_parts.onnx_stage()
    scores = [float(answer == number) for number in (0, 1)]
    return scoring_parts.package(
        {
            "service_def.json": scoring_parts.definition(*stages),
            "m.onnx": scoring_parts.constant_classifier(scores),
        }
    )


def _declare(plane: DataPlane, address: str) -> None:
    """The zone, and the record of the service's name."""
    zone = f"{plane.account_id.partition('/providers/')[0]}/providers/Microsoft.Network/dnsZones/{ZONE}"
    plane.arm("PUT", zone, {"location": "global"})
    plane.arm("PUT", f"{zone}/A/fpga", {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": address}]}})
