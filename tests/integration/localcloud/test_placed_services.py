"""Services whose models run on other machines: deployed, swapped, scaled, undone, forgotten, restored."""

from __future__ import annotations

import functools
import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from localcloud.modelmanagement.scorers import LocalScorers
from localcloud.settings import DATABASE
from tests.support.certificates.authority import Authority
from tests.support.cluster.placer import HEAD, Machines
from tests.support.cluster.replicas import credentials
from tests.support.cluster.services import Callers, answer, mean, total
from tests.support.localcloud.data_plane import PackageHost, on, running
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Machines:
    return Machines(credentials(tmp_path_factory.mktemp("cluster") / "tls", Authority()))


@pytest.fixture
def with_replicas(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    machines.refused.clear()
    machines.has_room.set()
    monkeypatch.setattr("localcloud.server.placed", machines.placed)
    yield machines
    for name in list(machines.running):
        machines.end(name)


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        host.put("/c/mean.zip", mean())
        host.put("/c/total.zip", total())
        yield host


@pytest.fixture
def no_model_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_self: LocalScorers, _service: object) -> None:
        raise AssertionError("a placed service needs no model in this process")

    monkeypatch.setattr(LocalScorers, "_load", load)


@pytest.mark.usefixtures("no_model_here")
def test_a_service_is_deployed_to_as_many_replicas_as_are_asked_for(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"), numReplicas=2)
        assert answer(service) == 2.0
        ((name, servers),) = with_replicas.running.items()
        assert name.startswith(service["id"])
        assert len(servers) == 2
        plane.finish(plane.call("DELETE", f"services/{service['id']}"))
        wait_until(lambda: not with_replicas.running)


@pytest.mark.usefixtures("no_model_here")
def test_another_model_takes_the_place_of_the_old_one_and_no_call_fails(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        first = plane.register(f"{packages.url}/c/mean.zip")
        second = plane.register(f"{packages.url}/c/total.zip")
        service = plane.deploy(first)
        before = set(with_replicas.running)
        with Callers(service) as callers:
            for model_id in (second, first, second):
                assert plane.update(service["id"], model_id)["state"] == "Succeeded"
        assert not callers.failed, callers.failed[0]
        assert set(callers.answers) == {2.0, 128.0}
        assert answer(service) == 128.0
        wait_until(lambda: len(with_replicas.running) == 1)
        assert not before & set(with_replicas.running)


@pytest.mark.usefixtures("no_model_here")
def test_another_number_of_replicas_touches_no_replica_that_stays(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"))
        ((name, (first, *_)),) = with_replicas.running.items()
        with Callers(service) as callers:
            for number in (3, 1):
                operation = plane.finish(
                    plane.call("PATCH", f"services/{service['id']}", {"numReplicas": number})
                )
                assert operation["state"] == "Succeeded"
                wait_until(lambda number=number: len(with_replicas.running[name]) == number)  # type: ignore[misc]
                assert plane.service(service["id"])["numReplicas"] == number
        assert not callers.failed, callers.failed[0]
        assert with_replicas.running[name] == [first]
        after = plane.service(service["id"])
        assert (after["ipAddress"], after["port"]) == (service["ipAddress"], service["port"])


@pytest.mark.usefixtures("no_model_here")
def test_an_update_that_fails_leaves_the_old_model_and_takes_the_new_one_away(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"))
        ((digest, *_),) = [[one.digest for one in with_replicas.wanted[-1]]]
        second = plane.register(f"{packages.url}/c/total.zip")
        other = _digest_of(total())
        with_replicas.refused[other] = "0 of 1 replicas answer: there is no room."
        with Callers(service) as callers:
            operation = plane.update(service["id"], second, numReplicas=2)
        assert operation["error"]["code"] == "ReplicasNotAvailable"
        assert operation["error"]["message"] == "0 of 1 replicas answer: there is no room."
        assert not callers.failed, callers.failed[0]
        assert set(callers.answers) == {2.0}
        assert [(one.digest, one.replicas) for one in with_replicas.wanted[-1]] == [(digest, 1)]
        assert plane.service(service["id"])["state"] == "Succeeded"
        created = plane.finish(
            plane.call("POST", "services", {"computeType": "FPGA", "modelId": second, "name": "another"})
        )
        assert created["error"]["code"] == "ReplicasNotAvailable"
        assert [one.digest for one in with_replicas.wanted[-1]] == [digest]


def _digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.usefixtures("no_model_here")
def test_a_number_that_cannot_be_had_is_taken_back(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"))
        with_replicas.refused[_digest_of(mean())] = "1 of 5 replicas answer: there is no room."
        with Callers(service) as callers:
            operation = plane.finish(plane.call("PATCH", f"services/{service['id']}", {"numReplicas": 5}))
        assert operation["error"]["code"] == "ReplicasNotAvailable"
        assert not callers.failed, callers.failed[0]
        assert [one.replicas for one in with_replicas.wanted[-1]] == [1]
        assert plane.service(service["id"])["numReplicas"] == 1


@pytest.mark.usefixtures("no_model_here")
def test_a_deletion_ends_the_wait_for_replicas(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        model_id = plane.register(f"{packages.url}/c/mean.zip")
        with_replicas.has_room.clear()
        drained(with_replicas.waits)
        plane.call("POST", "services", {"computeType": "FPGA", "modelId": model_id, "name": "service"})
        assert with_replicas.waits.acquire(timeout=PATIENCE_S)
        ((service,),) = [plane.call("GET", "services").json()["value"]]
        deleted = plane.finish(plane.call("DELETE", f"services/{service['id']}"))
        assert deleted["state"] == "Succeeded"
        assert with_replicas.wanted[-1] == ()
        assert plane.call("GET", f"services/{service['id']}").status_code == 404


def drained(one: threading.Semaphore) -> None:
    while one.acquire(blocking=False):
        pass


@pytest.mark.usefixtures("no_model_here")
def test_a_wait_that_the_end_of_localcloud_cuts_off_goes_on_at_the_next_start(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        model_id = plane.register(f"{packages.url}/c/mean.zip")
        with_replicas.has_room.clear()
        drained(with_replicas.waits)
        plane.call("POST", "services", {"computeType": "FPGA", "modelId": model_id, "name": "service"})
        assert with_replicas.waits.acquire(timeout=PATIENCE_S)
    with_replicas.has_room.set()
    with running(tmp_path / "data") as plane:
        ((service,),) = [plane.call("GET", "services").json()["value"]]
        wait_until(lambda: bool(plane.service(service["id"])["state"] == "Succeeded"))
        assert answer(plane.service(service["id"])) == 2.0


@pytest.mark.usefixtures("no_model_here")
def test_services_answer_at_once_after_a_restart_by_the_replicas_of_before(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"))
        replicas = dict(with_replicas.running)
    monkeypatch.setattr("tests.support.cluster.placer._Placer.start", lambda _self: None)
    with running(tmp_path / "data"):
        assert answer(service) == 2.0  # though the cluster has not been heard of yet
    assert with_replicas.running == replicas


@pytest.fixture
def with_copies(with_replicas: Machines, monkeypatch: pytest.MonkeyPatch) -> Machines:
    placed = functools.partial(with_replicas.placed, has_copies=True)
    monkeypatch.setattr("localcloud.server.placed", placed)
    return with_replicas


def test_a_copy_here_answers_where_no_replica_does(
    with_copies: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"))
        with_copies.kill()
        assert answer(service) == 2.0
    with_copies.has_room.clear()
    with running(tmp_path / "data"):
        assert answer(service) == 2.0


@pytest.mark.usefixtures("no_model_here")
def test_without_a_copy_callers_are_told(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcloud.placing.client.PATIENCE_S", 0.3)
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"))
        with_replicas.kill()
        with pytest.raises(grpc.RpcError) as refused:
            answer(service)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert refused.value.details() == "No replica of the service answers now: call again later."


def test_a_data_folder_goes_from_a_localcloud_without_replicas_to_one_with_them_and_back(
    machines: Machines, packages: PackageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"))
        _forget_shapes(tmp_path / "data")  # as a version of before left it
    with monkeypatch.context() as patch:
        patch.setattr("localcloud.server.placed", machines.placed)
        with running(tmp_path / "data") as plane:
            assert answer(service) == 2.0
            assert [name for name in machines.running if name.startswith(service["id"])]
            assert plane.service(service["id"])["state"] == "Succeeded"
    with running(tmp_path / "data") as plane:
        assert answer(service) == 2.0
        assert plane.service(service["id"])["state"] == "Succeeded"
    for name in list(machines.running):
        machines.end(name)


def _forget_shapes(data: Path) -> None:
    with sqlite3.connect(data / DATABASE) as db:
        assert db.execute("UPDATE trials SET shape = NULL").rowcount == 1
    db.close()


@pytest.mark.usefixtures("no_model_here")
def test_keys_and_ssl_change_beside_replicas(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path
) -> None:
    authority = Authority()
    with running(tmp_path / "data") as plane:
        plane.make_account()
        model_id = plane.register(f"{packages.url}/c/mean.zip")
        service = plane.deploy(model_id, **on(authority))
        first = plane.keys(service["id"])[0]
        assert answer(service, 2.0, first, authority.root) == 2.0
        plane.call("POST", f"services/{service['id']}/regenerateKeys")
        with pytest.raises(grpc.RpcError) as refused:
            answer(service, 2.0, first, authority.root)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert answer(service, 2.0, plane.keys(service["id"])[0], authority.root) == 2.0
        assert len(with_replicas.running) == 1


@pytest.mark.usefixtures("no_model_here")
def test_what_is_known_of_replicas_is_told(
    with_replicas: Machines, packages: PackageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "data") as plane:
        plane.make_account()
        service = plane.deploy(plane.register(f"{packages.url}/c/mean.zip"), numReplicas=2)
        told = plane.call("GET", f"{plane.host}/health").json()
        assert told["replicas"] == {
            "head": HEAD,
            "connected": True,
            "since": "1970-01-01T00:00:00+00:00",
            "nodes": 1,
            "pid": None,
            "restarts": 0,
            "trouble": None,
        }
        (shown,) = told["services"]
        assert (shown["replicas"], shown["answering"]) == (2, 2)
        assert "note" not in shown

        monkeypatch.setattr(with_replicas, "trouble", "Nobody answers at the head.")
        told = plane.call("GET", f"{plane.host}/health").json()
        assert not told["replicas"]["connected"]
        assert told["services"][0]["note"] == (
            "Its replicas are those that were known last. Nobody answers at the head."
        )
        with_replicas.kill()
        (shown,) = plane.call("GET", f"{plane.host}/health").json()["services"]
        assert (shown["answering"], shown["note"]) == (0, "0 of 2 replicas answer.")
        assert plane.service(service["id"])["state"] == "Succeeded"
