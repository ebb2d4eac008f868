"""An edge on every address of a machine that has another one after each start, as a pod of Kubernetes has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud import control
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support import envoy
from tests.support.certificates.authority import Authority
from tests.support.localcloud.data_plane import DataPlane, PackageHost, endpoint, settings
from tests.support.localcloud.scoring_parts import package
from tests.support.machines import Network, needs_machines, network
from tests.support.waiting import PATIENCE_S

pytestmark = needs_machines

TOLD = "10.88.6.5"
"""The address of the load balancer that leads to whichever address the machine has."""
CALL = """
import json, sys
from pathlib import Path
from tests.support.localcloud.retrying_callers import scoring
from tests.support.localcloud.scoring_parts import photo_request
said = json.loads(Path(sys.argv[1]).read_text())
request = photo_request().SerializeToString()
for target in said["targets"]:
    with scoring(target, said["root"].encode(), said["name"], said["key"], request, 1) as (call,):
        call()
"""
"""A process of the machine's own: gRPC connects again from threads that stay on the machine they began on."""
EVERY = "0.0.0.0"  # noqa: S104
NAME = "a.scoring.example.com"


@pytest.fixture
def switch() -> Iterator[Network]:
    with network() as made:
        yield made


def said(data: Path) -> Settings:
    return replace(
        settings(data),
        host=EVERY,
        public=True,
        advertise_host=TOLD,
        scoring_network=EVERY,
        advertise_scoring=TOLD,
        scoring_last_port=50051,
        edge="envoy",
        envoy=envoy.executable(),
    )


def deployed(status: Status, packages: PackageHost, authority: Authority) -> tuple[str, str]:
    """The key of a new service, and where its callers are told to find it."""
    issued = authority.issue([NAME])
    pem, key = issued.pem.decode(), issued.key_pem.decode()
    with closing(DataPlane(status)) as plane:
        plane.make_account()
        model = plane.register(f"{packages.url}/model.zip")
        given = {"sslEnabled": True, "sslCertificate": pem, "sslKey": key}
        service = plane.deploy(model, "first", **given)
        return plane.keys(service["id"])[0], endpoint(service).target


def test_a_service_stays_where_callers_are_told_though_the_machine_moves(
    switch: Network, tmp_path: Path
) -> None:
    authority, wanted = Authority(), said(tmp_path / "cloud")
    key, calls = "", tmp_path / "calls"
    for address in ("10.77.6.1", "10.77.6.2"):
        machine = switch.machine("pod", address, TOLD)
        with machine.entered(), PackageHost().running() as packages:
            packages.put("/model.zip", package())
            status = control.start(wanted)
            try:
                if not key:
                    key, told = deployed(status, packages, authority)
                    assert told == f"{TOLD}:50051"
                (service,) = control.status(wanted.data).services
                assert (service.address, service.port, service.note) == (TOLD, 50051, None)
                targets = [f"{where}:50051" for where in (address, TOLD)]
                said_to = {"targets": targets, "root": authority.root.decode(), "name": NAME, "key": key}
                calls.write_text(json.dumps(said_to))
                machine.python(CALL, str(calls), timeout_s=2 * PATIENCE_S)
            finally:
                control.stop(wanted.data)
        machine.end()
