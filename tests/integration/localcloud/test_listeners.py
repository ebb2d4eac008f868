"""The sockets of a localcloud, by the kernel's tables: exactly what was said, and loopback alone unasked."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud import control
from localcloud.network import listeners
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support import listening
from tests.support.listening import Listening, needs_proc
from tests.support.localcloud import parts
from tests.support.localcloud.data_plane import DataPlane, PackageHost
from tests.support.localcloud.scoring_parts import package
from tests.support.machines import Machine, needs_machines, network

pytestmark = needs_proc

SERVER, SECOND, THIRD, FOURTH = (f"10.77.1.{number}" for number in range(1, 5))
EVERY = "0.0.0.0"  # noqa: S104


@contextmanager
def started(settings: Settings) -> Iterator[Status]:
    """A localcloud in a process of its own, with two services."""
    status = control.start(settings)
    try:
        with PackageHost().running() as packages, closing(DataPlane(near(status))) as plane:
            plane.make_account()
            model = plane.register(packages.put("/model.zip", package()))
            plane.deploy(model, "first")
            plane.deploy(model, "second")
        yield control.status(settings.data)
    finally:
        control.stop(settings.data)


def near(status: Status) -> Status:
    """The status with the HTTPS address that this machine itself finds it at."""
    found = {one.name: one for one in status.listeners}["HTTPS APIs"].listens
    host, _, port = found.rpartition(":")
    return replace(status, https=f"https://{listeners.near(host)}:{port}")


def listened(status: Status) -> set[Listening]:
    assert status.pid is not None
    return listening.at(listening.with_descendants(status.pid))


def told(status: Status) -> set[Listening]:
    """What the status says: of each service, where it listens itself."""
    found = set()
    for one in status.listeners:
        host, _, port = one.listens.rpartition(":")
        if not one.name.startswith("services"):
            found.add(Listening("tcp", host, int(port)))
        if one.name == "DNS server":
            found.add(Listening("udp", host, int(port)))
    for service in status.services:
        host, _, port = (service.listens or f"{service.address}:{service.port}").rpartition(":")
        found.add(Listening("tcp", host, int(port)))
        if service.http_port is not None:
            found.add(Listening("tcp", host, service.http_port))
    return found


def test_all_that_a_default_start_listens_at_is_on_loopback(tmp_path: Path) -> None:
    settings = parts.settings(tmp_path / "data")
    assert settings == Settings(
        data=settings.data,
        featurizers=settings.featurizers,
        node=settings.node,
        azurite=settings.azurite,
        package_hosts=settings.package_hosts,
    ), "nothing is said of addresses"
    with started(settings) as status:
        found = listened(status)
        assert {one for one in found if not one.is_loopback} == set()
        assert found == told(status)
        assert len(found) == 8, "HTTPS, DNS twice, blobs, two services by gRPC and HTTP"
        assert {one.reach for one in status.listeners} == {"this machine"}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with network() as made:
        machine = made.machine("server", SERVER, SECOND, THIRD, FOURTH)
        with machine.entered():
            yield machine


@needs_machines
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            {"https_host": SERVER, "https_port": 443, "dns_host": SECOND, "dns_port": 53}
            | {"blob_host": THIRD, "blob_port": 443, "scoring_network": f"{FOURTH}, {SERVER}"},
            {("tcp", SERVER, 443), ("tcp", SECOND, 53), ("udp", SECOND, 53), ("tcp", THIRD, 443)}
            | {("tcp", FOURTH, 50051), ("tcp", SERVER, 50051), ("tcp", FOURTH, 8501), ("tcp", SERVER, 8501)},
            id="addresses-apart-and-a-list",
        ),
        pytest.param(
            {"host": EVERY, "advertise_host": "203.0.113.5", "https_port": 443, "dns_port": 53}
            | {"blob_port": 444, "scoring_network": f"{SECOND}-{THIRD}", "scoring_port": 446}
            | {"scoring_http_port": 0},
            {("tcp", EVERY, 443), ("tcp", EVERY, 53), ("udp", EVERY, 53), ("tcp", EVERY, 444)}
            | {("tcp", SECOND, 446), ("tcp", THIRD, 446)},
            id="a-wildcard-and-a-range",
        ),
        pytest.param(
            {"host": SERVER, "https_port": 443, "dns_port": 53, "blob_port": 444}
            | {"scoring_network": SERVER, "scoring_port": 20000, "scoring_last_port": 20001},
            {("tcp", SERVER, 443), ("tcp", SERVER, 53), ("udp", SERVER, 53), ("tcp", SERVER, 444)}
            | {("tcp", SERVER, 20000), ("tcp", SERVER, 20001), ("tcp", SERVER, 8501), ("tcp", SERVER, 8502)},
            id="one-address-and-its-ports",
        ),
        pytest.param(
            {"https_host": SERVER, "https_port": 443, "dns_port": 53, "blob_port": 444}
            | {"scoring_network": "127.80.0.8/30"},
            {("tcp", SERVER, 443), ("tcp", "127.0.0.1", 53), ("udp", "127.0.0.1", 53)}
            | {("tcp", "127.0.0.1", 444), ("tcp", "127.80.0.9", 50051), ("tcp", "127.80.0.10", 50051)}
            | {("tcp", "127.80.0.9", 8501), ("tcp", "127.80.0.10", 8501)},
            id="https-alone",
        ),
    ],
)
def test_exactly_what_was_said_is_listened_at(
    machine: Machine, tmp_path: Path, said: dict[str, Any], expected: set[tuple[str, str, int]]
) -> None:
    settings = replace(parts.settings(tmp_path / "data"), public=True, **said)
    with started(settings) as status:
        assert listened(status) == expected
        assert told(status) == expected
        outside = {one.listens for one in status.listeners if one.reach == "other machines"}
        assert {one for one in outside if one.startswith("127.")} == set()
        assert outside, "each of these is reached by other machines"


def test_the_kernel_s_tables_are_read(tmp_path: Path) -> None:
    """A test that saw nothing would find everything on loopback."""
    with socket.create_server(("", 0)) as every, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.bind(("::1", 0))
        found = listening.at([os.getpid()])
        assert Listening("tcp", EVERY, every.getsockname()[1]) in found
        assert Listening("udp", "::1", udp.getsockname()[1]) in found
        assert not Listening("tcp", EVERY, 1).is_loopback
