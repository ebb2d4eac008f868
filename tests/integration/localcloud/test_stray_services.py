"""Services of before whose address the settings do not name any more: none is lost, and none is left open."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import ServiceStatus
from tests.support import listening
from tests.support.listening import Listening
from tests.support.localcloud import data_plane
from tests.support.localcloud.data_plane import DataPlane, PackageHost, endpoint, opens
from tests.support.localcloud.scoring_parts import package
from tests.support.machines import Machine, needs_machines, network
from tests.support.waiting import wait_until

SERVER = "10.77.3.1"


def deployed(settings: Settings) -> ServiceStatus:
    with Cloud(settings) as cloud, closing(DataPlane(cloud.status())) as plane:
        plane.make_account()
        with PackageHost().running() as packages:
            plane.deploy(plane.register(packages.put("/model.zip", package())), "first")
        (service,) = cloud.status().services
    assert (service.listens, service.note) == (None, None)
    return service


def test_it_stays_where_callers_know_it_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = data_plane.settings(tmp_path / "data")
    before = deployed(settings)
    stays = (
        f"it stays at {before.address}:50051, which is none of 127.92.0.0/29, for callers know that address"
    )
    moved = replace(settings, scoring_network="127.92.0.0/29")
    with caplog.at_level(logging.WARNING), Cloud(moved) as cloud, closing(DataPlane(cloud.status())) as plane:
        (service,) = cloud.status().services
        assert (service.address, service.port, service.state) == (before.address, 50051, "Succeeded")
        assert str(service.note).startswith(stays)
        assert [one for one in caplog.messages if "service first (" in one and stays in one]
        (listed,) = plane.call("GET", "services").json()["value"]
        assert opens(endpoint(listed), None, None)
        second = plane.deploy(listed["modelId"], "second")
        assert second["ipAddress"].startswith("127.92.0.")
    with Cloud(settings) as cloud:
        notes = {one.name: one.note for one in cloud.status().services}
        assert notes["first"] is None
        assert str(notes["second"]).startswith(f"it stays at {second['ipAddress']}:50051, which is none of")


@pytest.fixture
def machine() -> Iterator[Machine]:
    with network() as made:
        machine = made.machine("server", SERVER)
        with machine.entered():
            yield machine


@needs_machines
def test_what_other_machines_reached_is_not_served_once_that_is_not_asked_for(
    machine: Machine, tmp_path: Path
) -> None:
    settings = data_plane.settings(tmp_path / "data")
    public = replace(
        settings, public=True, scoring_network=SERVER, scoring_port=21000, scoring_last_port=21009
    )
    before = deployed(public)
    place = Listening("tcp", SERVER, before.port or 0)
    why = f"The service's address {SERVER} is not loopback, and localcloud was started without --public"
    with Cloud(settings) as cloud, closing(DataPlane(cloud.status())) as plane:
        (service,) = cloud.status().services
        assert (service.state, service.address) == ("Failed", SERVER)
        assert str(service.note).startswith(why)
        (listed,) = plane.call("GET", "services").json()["value"]
        assert listed["error"]["message"].startswith(why)
        # nor is it by a change of the service
        done = plane.update(listed["id"], listed["modelId"])
        assert (done["state"], done["error"]["message"].startswith(why)) == ("Failed", True)
        found = listening.at([os.getpid()])
        assert {one for one in found if one.address == SERVER} == set()
    with Cloud(public) as cloud:
        wait_until(lambda: cloud.status().services[0].state == "Succeeded")
        assert cloud.status().services[0].note is None
        assert place in listening.at([os.getpid()])
