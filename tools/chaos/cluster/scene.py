"""The machines: a localcloud behind an edge on one, callers on another, who know a DNS server and a root."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from localcloud.status import Status
from tests.support import envoy
from tests.support.certificates.authority import Authority
from tests.support.localcloud import parts, scoring_parts
from tests.support.localcloud.data_plane import DataPlane, PackageHost
from tests.support.machines import Machine, network
from tools.chaos.cluster.callers import Callers, calling
from tools.chaos.victim import Victim

SUBNET: Final = "10.93.0"
CLOUD, CALLER = f"{SUBNET}.1", f"{SUBNET}.9"
ZONE: Final = "machines.test"
NAME: Final = f"fpga.{ZONE}"
PORT: Final = 50051


@dataclass
class Scene:
    """The machines, and the service that is called.

    Attributes:
        machines: all but the callers'.
        models: the IDs of two models; each says that a photo is of the class of its number.
        answer: the number of the one that the service has.
    """

    victim: Victim
    machines: Sequence[Machine]
    callers: Callers
    service_id: str
    models: tuple[str, str]
    plane: DataPlane
    answer: int = 0

    def meet(self, status: Status) -> None:
        """Goes on with a localcloud that was started again."""
        self.plane.close()
        self.plane = DataPlane(status)


@contextmanager
def made() -> Iterator[Scene]:
    """The machines with a service that is called. This thread is at the localcloud's inside the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="machines-")))
        switch = stack.enter_context(network())
        machine = switch.machine("cloud", CLOUD)
        caller = switch.machine("caller", CALLER, resolver=CLOUD)
        stack.enter_context(machine.entered())
        packages = stack.enter_context(PackageHost().running())
        settings = replace(
            parts.settings(folder / "data"),
            node=None,
            azurite=None,
            host=CLOUD,
            public=True,
            dns_port=53,
            scoring_network=CLOUD,
            scoring_port=PORT,
            edge="envoy",
            envoy=envoy.executable(),
        )
        victim = Victim(settings, machine)
        stack.callback(victim.kill)
        plane = DataPlane(victim.start())
        plane.make_account()
        models = tuple(plane.register(packages.put(f"/c/{n}.zip", _package(n)), f"model-{n}") for n in (0, 1))
        authority = Authority()
        service = plane.deploy(models[0], "called", **_on(authority))
        _declare(plane, service["ipAddress"])
        key = plane.keys(service["id"])[0]
        callers = stack.enter_context(calling(caller, NAME, PORT, authority.root, key))
        callers.let_each_be_answered(0.0, answer=0)
        scene = Scene(victim, [machine, caller], callers, service["id"], (models[0], models[1]), plane)
        stack.callback(lambda: scene.plane.close())
        yield scene


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
