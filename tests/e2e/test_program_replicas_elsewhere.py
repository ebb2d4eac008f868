"""A service whose replicas are on other machines grows by a number, and callers notice nothing.

The machines are servers of this process; placer, client and servers of replicas are the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import pytest

from clients.prediction.client import PredictionClient
from clients.tls import fingerprint, served_certificate
from engine.install import Engine
from infra.proof.endpoint import sample_image
from tests.support.callers import Access, Callers
from tests.support.certificates.authority import Authority
from tests.support.cluster.placer import Machines
from tests.support.cluster.replicas import credentials
from tests.support.cluster.services import mean
from tests.support.stacks import local_cloud
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

REPLICAS: Final = "fpga-web-service:replicas"
SERVICE_ALONE: Final = {"service": "update", "endpoint-check": "update"}


@dataclass(frozen=True)
class Placed:
    """A stack whose localcloud has its replicas on these machines."""

    stack: ProgramStack
    machines: Machines

    @property
    def number(self) -> int:
        """How many replicas run."""
        return sum(map(len, self.machines.running.values()))


@pytest.fixture(scope="module")
def placed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    folder = tmp_path_factory.mktemp("placed")
    machines = Machines(credentials(folder / "tls", Authority()))
    package = folder / "mean.zip"
    package.write_bytes(mean())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("localcloud.server.placed", machines.placed)
        with local_cloud.running(folder) as cloud:
            stack = ProgramStack(engine, replace(cloud, package=package), folder, "placed")
            stack.make({"fpga-web-service:accountCapacity": "4"})
            stack.up()
            yield Placed(stack, machines)
            stack.destroy()
    for name in list(machines.running):
        machines.end(name)


def changed(result: Result) -> dict[str, str]:
    return {
        name: operation
        for name, operation in result.operations.items()
        if operation != "same" and not name.startswith("default")
    }


def test_another_number_touches_neither_address_nor_keys_nor_the_replicas_that_stay(placed: Placed) -> None:
    stack = placed.stack
    outputs, service = stack.outputs(show_secrets=True), stack.service()
    ((first,),) = placed.machines.running.values()

    def connect(access: Access) -> PredictionClient:
        return PredictionClient(
            stack.fqdn,
            50051,
            use_ssl=access.ssl,
            access_token=access.key,
            root_certificates=outputs["rootCertificate"].encode(),
            name_servers=[stack.cloud.name_server],
        )

    with Callers(4, connect, Access(outputs["primaryKey"]), sample_image()) as callers:
        for number in (3, 1):
            stack.configure({REPLICAS: str(number)})
            up = stack.up()
            assert changed(up) == SERVICE_ALONE
            assert up.complaints == [], "all of them answer"
            assert placed.number == number
            callers.let_each_call()
    assert [call.error for call in callers.failures()] == []
    assert list(placed.machines.running.values()) == [[first]]
    assert replace(stack.service(), replicas=1) == service
    assert stack.outputs(show_secrets=True) == outputs
    served = served_certificate(service.address, service.port)
    assert fingerprint(served or b"") == outputs["certificateFingerprint"]
    assert changed(stack.preview("--refresh", "--expect-no-changes")) == {}


def test_replicas_that_do_not_come_leave_the_service_as_it_was(placed: Placed) -> None:
    """The update fails in the placer's words; once there is room, a plain update goes on."""
    stack, words = placed.stack, "No machine of the cluster has room for the replicas: have one join."
    (digest,) = {one.digest for one in placed.machines.wanted[-1]}
    placed.machines.refused[digest] = words
    stack.configure({REPLICAS: "2"})
    failed = stack.up(code=None)
    assert failed.code != 0
    assert words in " ".join(failed.text.split())
    assert (stack.service().replicas, placed.number) == (1, 1)

    placed.machines.refused.clear()
    assert changed(stack.up()) == SERVICE_ALONE
    assert (stack.service().replicas, placed.number) == (2, 2)
    assert changed(stack.preview("--refresh", "--expect-no-changes")) == {}
