"""What was accepted stays true: after a stop, after kill -9, and where something has gone meanwhile."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.wire.tensorflow_serving import texts_from_tensor
from localcloud.modelmanagement import operations, worker
from localcloud.scoring.addresses import bind_problem
from tests.support.certificates.authority import Authority
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import (
    FPGA,
    OFF,
    PackageHost,
    endpoint,
    leaf,
    on,
    opens,
    refusal,
    running,
    serving,
)
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def package_url() -> Iterator[str]:
    with PackageHost().running() as host:
        yield host.put("/c/real.zip", scoring_parts.package())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "cloud"


def test_a_restart_brings_back_addresses_certificates_and_keys(data: Path, package_url: str) -> None:
    authority = Authority()
    pair = on(authority)
    with running(data) as plane:
        plane.make_account()
        model_id = plane.register(package_url)
        plain, secured = plane.deploy(model_id, "plain"), plane.deploy(model_id, "secured", **pair)
        keys = plane.keys(secured["id"])
    assert bind_problem(endpoint(plain)) is None, "a stop lets go of the addresses"
    (data / "models" / "left-behind.part").write_bytes(b"")

    with running(data) as plane:
        assert bind_problem(endpoint(plain)) is not None, "the ports are bound when it is ready"
        assert plane.call("GET", "services").json() == {"value": [plain, secured]}
        assert plane.keys(secured["id"]) == keys
        assert leaf(endpoint(secured)).strip() == pair["sslCertificate"].strip()
        assert opens(endpoint(plain), None, None), "a call that is too early waits for the model"
        assert all(opens(endpoint(secured), authority.root, key) for key in keys)
        assert not opens(endpoint(secured), authority.root, "wrong")
        assert sorted(file.name for file in (data / "models").iterdir()) == sorted(
            ["identity.json", f"{model_id}.zip"]
        )


def test_a_call_that_is_too_early_waits_for_the_labels_too(data: Path, package_url: str) -> None:
    request = scoring_parts.photo_request()
    request.output_filter.extend(["output_alias", "labels"])
    with running(data) as plane:
        plane.make_account()
        service = plane.deploy(plane.register(package_url))
    with running(data), scoring_parts.channel(endpoint(service)) as opened:
        answer = scoring_parts.predict(opened, request)
    assert texts_from_tensor(answer.outputs["labels"])[scoring_parts.ESPRESSO] == "espresso"


def test_kill_9_right_after_202_loses_nothing_and_doubles_nothing(data: Path, package_url: str) -> None:
    authority = Authority()
    with serving(data) as (plane, process):
        plane.make_account()
        model_id = plane.register(package_url)
        # the worker is busy with this one for as long as it takes to import onnxruntime
        body = FPGA | OFF | {"modelId": model_id, "name": "first"}
        first = plane.call("POST", "services", body)
        second = plane.call("POST", "services", body | {"name": "second"} | on(authority))
        keys = plane.keys(second.json()["id"])
        process.kill()

    with serving(data) as (plane, _):
        for accepted in (first, second):
            operation = plane.finish(accepted)
            assert operation["state"] == "Succeeded"
            assert operation["resourceLocation"].endswith(accepted.json()["id"])
        names = [service["name"] for service in plane.call("GET", "services").json()["value"]]
        assert names == ["first", "second"]
        again = refusal(plane.call("POST", "services", body))
        assert again[:2] == (409, "ServiceAlreadyExists")
        assert again[2].startswith("There is a service 'first' in this account already")
        secured = plane.service(second.json()["id"])
        assert plane.keys(secured["id"]) == keys
        assert opens(endpoint(secured), authority.root, keys[0])
        assert opens(endpoint(plane.service(first.json()["id"])), None, None)


def test_operations_of_one_service_take_turns(data: Path, package_url: str) -> None:
    with serving(data) as (plane, _):
        plane.make_account()
        model_id = plane.register(package_url)
        created = plane.call("POST", "services", FPGA | OFF | {"modelId": model_id, "name": "service"})
        service_id = created.json()["id"]
        # the worker is busy with it for as long as it takes to import onnxruntime
        status, code, message = refusal(
            plane.call("PUT", f"services/{service_id}", FPGA | {"modelId": model_id})
        )
        assert (status, code) == (409, "AnotherOperationInProgress")
        assert message.startswith("The service 'service' still has an operation to end (Create, ")
        deleted = [plane.call("DELETE", f"services/{service_id}") for _ in range(2)]
        locations = {answer.headers["Operation-Location"] for answer in deleted}
        assert len(locations) == 1, "asked for twice it is one deletion"
        # given up where it was not done yet
        ended = plane.finish(created)
        assert ended["state"] == "Succeeded" or ended["error"]["code"] == "OperationCanceled"
        assert plane.finish(deleted[0])["state"] == "Succeeded"
        assert plane.call("GET", "services").json() == {"value": []}


def test_operations_go_on_when_the_disk_has_room_again(
    data: Path, package_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "RETRY_INTERVAL_S", 0.05)
    save, failures = operations.save, iter(range(2))

    def save_or_fail(db: sqlite3.Connection, operation: operations.Operation) -> None:
        if next(failures, None) is not None:
            raise sqlite3.OperationalError("database or disk is full")
        save(db, operation)

    with running(data) as plane:
        plane.make_account()
        model_id = plane.register(package_url)
        monkeypatch.setattr(operations, "save", save_or_fail)
        assert opens(endpoint(plane.deploy(model_id)), None, None)
    assert caplog.text.count("the operations cannot go on; the next try is in 0.05 s") == 2


def test_a_service_whose_address_is_taken_is_shown_with_the_reason(data: Path, package_url: str) -> None:
    with running(data) as plane:
        plane.make_account()
        model_id = plane.register(package_url)
        taken, other = plane.deploy(model_id, "taken"), plane.deploy(model_id, "other")

    with socket.create_server(endpoint(taken)), running(data) as plane:
        shown = plane.service(taken["id"])
        assert shown["state"] == "Failed"
        assert shown["error"]["code"] == "AddressNotAvailable"
        assert f"{taken['ipAddress']}:50051 cannot be bound" in shown["error"]["message"]
        assert endpoint(shown) == endpoint(taken), "it keeps its address"
        assert opens(endpoint(other), None, None), "the others answer"

    with running(data) as plane:
        wait_until(lambda: plane.service(taken["id"])["state"] == "Succeeded")
        assert "error" not in plane.service(taken["id"])
        assert opens(endpoint(taken), None, None)


def test_a_service_whose_package_is_gone_is_shown_with_the_reason(data: Path, package_url: str) -> None:
    with running(data) as plane:
        plane.make_account()
        model_id = plane.register(package_url)
        service = plane.deploy(model_id)
    (data / "models" / f"{model_id}.zip").unlink()

    with running(data) as plane:
        wait_until(lambda: plane.service(service["id"])["state"] == "Failed")
        error = plane.service(service["id"])["error"]
        assert error["code"] == "InvalidPackage"
        assert f"The package of the model {model_id} is gone" in error["message"]
        assert bind_problem(endpoint(service)) is None, "nothing pretends to answer there"
        # mended in place, at its address
        again = plane.register(package_url)
        assert plane.update(service["id"], again)["state"] == "Succeeded"
        assert endpoint(plane.service(service["id"])) == endpoint(service)
        assert opens(endpoint(service), None, None)
