"""Where packages are fetched from: what is near tells nobody which of its ports are open."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.modelmanagement import package_hosts
from localcloud.server import Cloud
from localcloud.settings import PackageHost
from tests.support.localcloud.data_plane import DataPlane, refusal, settings
from tests.support.localcloud.data_plane import PackageHost as Host

BODY = {"name": "model", "mimeType": "application/zip", "unpack": False}
CLOSED = 1
"""The port of TCPMUX, where nobody listens."""


@contextmanager
def listening(address: str) -> Iterator[tuple[int, socket.socket]]:
    """A port that is open and answers nothing, and its socket, which tells who called."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        server.settimeout(0)
        yield server.getsockname()[1], server


@pytest.fixture(scope="module")
def named() -> Iterator[Host]:
    """The one server that the settings name."""
    with Host().running() as host:
        yield host


@pytest.fixture(scope="module")
def plane(named: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    wanted = settings(tmp_path_factory.mktemp("near") / "data")
    wanted = replace(wanted, package_hosts=(named.url.removeprefix("http://"),))
    with Cloud(wanted) as cloud, closing(DataPlane(cloud.status())) as plane:
        plane.make_account("account")
        yield plane


def registered(plane: DataPlane, url: str) -> tuple[int, str, str]:
    return refusal(plane.call("POST", "models", BODY | {"url": f"{url}/m.zip?sig=s3cret"}))


def own_address() -> str:
    """An address of this machine that is not loopback, where it has one; else one that is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.9"
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("listens", "written"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("127.0.0.1", "2130706433"),
        ("127.0.0.1", "0x7f.1"),
        ("127.0.0.1", "0177.0.0.1"),
        ("127.0.0.1", "127.1"),
        ("127.0.0.1", "0.0.0.0"),  # noqa: S104 - where a connection goes to this machine
        ("127.0.0.1", "[::ffff:127.0.0.1]"),
        ("127.80.0.1", "127.80.0.1"),
        ("::1", "[::1]"),
        ("::1", "[0:0:0:0:0:0:0:1]"),
        ("0.0.0.0", own_address()),  # noqa: S104
    ],
)
def test_an_open_port_near_by_is_refused_as_a_closed_one(
    plane: DataPlane, scheme: str, listens: str, written: str
) -> None:
    with listening(listens) as (port, server):
        open_ = registered(plane, f"{scheme}://{written}:{port}")
        with pytest.raises(BlockingIOError):
            server.accept()
    closed = registered(plane, f"{scheme}://{written}:{CLOSED}")

    assert open_[:2] == (400, "PackageNotFetched")
    assert open_[2].replace(f":{port}/", f":{CLOSED}/") == closed[2]
    assert "is on this machine or its link, where localcloud fetches from its own blob service" in open_[2]
    assert "--package-host HOST:PORT" in open_[2]
    assert "s3cret" not in open_[2]


@pytest.mark.parametrize("url", ["https://169.254.169.254", "https://[fe80::1]", "https://224.0.0.1"])
def test_what_is_on_the_link_alone_is_refused(plane: DataPlane, url: str) -> None:
    assert "is on this machine or its link" in registered(plane, url)[2]


def test_localclouds_own_port_is_refused(plane: DataPlane) -> None:
    assert "is on this machine or its link" in registered(plane, plane.host)[2]


def test_what_the_settings_name_is_fetched_from(plane: DataPlane, named: Host) -> None:
    assert plane.register(named.put("/m.zip", b"a package"))
    named.answers["/moved.zip"] = (302, {"Location": f"{plane.host}/health"})
    status, code, message = refusal(
        plane.call("POST", "models", BODY | {"url": f"{named.url}/moved.zip?sig=s3cret"})
    )
    assert (status, code) == (400, "PackageNotFetched")
    assert "was refused with 302 Found" in message
    with listening("127.0.0.1") as (port, _):
        assert "is on this machine" in registered(plane, f"http://127.0.0.1:{port}")[2]


class Rebound:
    """A name that resolves to somebody else's address, and to this machine's from the second look on."""

    def __init__(self, first: str) -> None:
        self.looks = 0
        self._first = first
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        if host != "rebound.test":
            return self._real(host, port, *args, **options)
        self.looks += 1
        return self._real(self._first if self.looks == 1 else "127.0.0.1", port, *args, **options)


def test_a_name_is_resolved_once(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at is what is connected to, whatever the name resolves to a moment later."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    rebound = Rebound("127.0.0.7")
    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    monkeypatch.setattr(package_hosts, "is_near", lambda address: address == "127.0.0.1")
    with listening("127.0.0.1") as (port, server):
        _, code, message = registered(plane, f"https://rebound.test:{port}")
        with pytest.raises(BlockingIOError):
            server.accept()

    assert (code, rebound.looks) == ("PackageNotFetched", 1)
    assert "could not be reached: Connection refused" in message


def test_a_name_of_near_addresses_is_refused(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Rebound("127.0.0.1"))
    assert "is on this machine or its link" in registered(plane, "https://rebound.test")[2]


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1"])
def test_others_are_not_near(address: str) -> None:
    """Those of a private network, too, as long as they are not this machine's."""
    assert not package_hosts.is_near(address)


def test_own_blob_service_is_always_fetched_from(tmp_path: Path) -> None:
    hosts = package_hosts.PackageHosts((), PackageHost("127.0.0.1", 20001))
    from urllib.parse import urlsplit

    route = hosts.route(urlsplit("https://localhost:20001/account/container/blob"))
    assert route == package_hosts.Route(("127.0.0.1",), is_named=True)
    assert hosts.route(urlsplit("https://127.0.0.1:20002/account/container/blob")) is None
