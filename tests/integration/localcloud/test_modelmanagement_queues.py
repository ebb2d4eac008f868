"""Operations that do not wait for others: another account's, and deletions of what takes long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from localcloud.server import Cloud
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import (
    FPGA,
    OFF,
    DataPlane,
    PackageHost,
    account_name,
    endpoint,
    opens,
    running,
    serving,
)
from tests.support.waiting import wait_until

UNENDING_S = 30.0
"""A trial of the package `unending` does not end before."""


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        host.put("/c/real.zip", scoring_parts.package())
        definition = scoring_parts.definition(scoring_parts.onnx_stage())
        model = scoring_parts.folded_model(6000, products=100)
        host.put("/c/unending.zip", scoring_parts.package({"service_def.json": definition, "m.onnx": model}))
        yield host


@pytest.fixture
def plane(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    """Each test has an account of its own."""
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(request.node.name))
        yield plane
        plane.arm("DELETE", plane.account_id)


@pytest.fixture
def unending(plane: DataPlane, packages: PackageHost) -> str:
    return plane.register(f"{packages.url}/c/unending.zip", "unending")


def test_a_deletion_overtakes_the_creation_that_is_under_way(plane: DataPlane, unending: str) -> None:
    created = _create(plane, unending, "first")
    wait_until(lambda: len(_trials()) == 1)
    queued = _create(plane, unending, "second")
    began = time.monotonic()

    for accepted, deleted in [(one, _delete(plane, one)) for one in (created, queued)]:
        assert plane.finish(deleted)["state"] == "Succeeded"
        operation = plane.finish(accepted)
        assert operation["state"] == "Failed"
        assert operation["error"]["code"] == "OperationCanceled"
        assert operation["error"]["message"] == (
            f"The service was deleted (operation {_operation_id(deleted)}) before this operation had ended."
        )
    assert time.monotonic() - began < UNENDING_S
    assert plane.call("GET", "services").json() == {"value": []}
    wait_until(lambda: _trials() == [])


def test_a_deletion_waits_for_no_other_service(
    plane: DataPlane, unending: str, packages: PackageHost
) -> None:
    other = plane.deploy(plane.register(f"{packages.url}/c/real.zip", "real"), "other")
    created = _create(plane, unending, "unending")
    wait_until(lambda: len(_trials()) == 1)
    began = time.monotonic()
    assert plane.finish(plane.call("DELETE", f"services/{other['id']}"))["state"] == "Succeeded"
    assert time.monotonic() - began < UNENDING_S
    assert _state(plane, created) == "Running"
    plane.finish(_delete(plane, created))


def test_an_account_does_not_wait_for_another(
    cloud: Cloud, plane: DataPlane, unending: str, packages: PackageHost
) -> None:
    created = _create(plane, unending, "unending")
    wait_until(lambda: len(_trials()) == 1)
    with closing(DataPlane(cloud.status())) as other:
        other.make_account("others-queue")
        began = time.monotonic()
        service = other.deploy(other.register(f"{packages.url}/c/real.zip"))
        assert opens(endpoint(service), None, None)
        assert time.monotonic() - began < UNENDING_S
        assert _state(plane, created) == "Running"
        other.arm("DELETE", other.account_id)
    plane.finish(_delete(plane, created))


def test_an_account_that_goes_ends_its_trials(cloud: Cloud, packages: PackageHost) -> None:
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account("goes")
        _create(plane, plane.register(f"{packages.url}/c/unending.zip"), "unending")
        wait_until(lambda: len(_trials()) == 1)
        began = time.monotonic()
        plane.arm("DELETE", plane.account_id)
        wait_until(lambda: _trials() == [])
        assert time.monotonic() - began < UNENDING_S


def test_a_deletion_that_a_restart_finds_still_overtakes(tmp_path: Path, packages: PackageHost) -> None:
    data = tmp_path / "cloud"
    with running(data) as plane:
        plane.make_account()
        created = _create(plane, plane.register(f"{packages.url}/c/unending.zip"), "unending")
        wait_until(lambda: len(_trials()) == 1)
    with running(data) as plane:
        wait_until(lambda: len(_trials()) == 1)
        deleted = _delete(plane, created)
        assert plane.finish(deleted)["state"] == "Succeeded"
        assert plane.finish(created)["error"]["code"] == "OperationCanceled"


def test_a_change_that_fails_before_a_restart_has_loaded_the_service_leaves_it(
    tmp_path: Path, packages: PackageHost
) -> None:
    data, definition = tmp_path / "cloud", scoring_parts.definition(scoring_parts.onnx_stage())
    slow: dict[str, bytes | str] = {
        "service_def.json": definition,
        "m.onnx": scoring_parts.folded_model(1500, products=8),
    }
    broken: dict[str, bytes | str] = {"service_def.json": definition, "m.onnx": b"no model"}
    with serving(data) as (plane, process):
        plane.make_account()
        service = plane.deploy(plane.register(packages.put("/c/slow.zip", scoring_parts.package(slow))))
        bad = plane.register(packages.put("/c/broken.zip", scoring_parts.package(broken)), "broken")
        changed = plane.call("PUT", f"services/{service['id']}", FPGA | {"modelId": bad})
        process.kill()
    with serving(data) as (plane, _):
        assert plane.finish(changed)["error"]["code"] == "InvalidPackage"
        shown = plane.service(service["id"])
        assert (shown["state"], shown["modelId"]) == ("Succeeded", service["modelId"])
        assert opens(endpoint(service), None, None)


def _create(plane: DataPlane, model_id: str, name: str) -> requests.Response:
    accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": model_id, "name": name})
    assert accepted.status_code == 202, accepted.text
    return accepted


def _delete(plane: DataPlane, created: requests.Response) -> requests.Response:
    deleted = plane.call("DELETE", f"services/{created.json()['id']}")
    assert deleted.status_code == 202, deleted.text
    return deleted


def _operation_id(accepted: requests.Response) -> str:
    return accepted.headers["Operation-Location"].rpartition("/")[2]


def _state(plane: DataPlane, accepted: requests.Response) -> Any:
    return plane.call("GET", accepted.headers["Operation-Location"]).json()["state"]


def _trials() -> list[psutil.Process]:
    """Those under way in the localcloud of this process."""
    found = []
    for child in psutil.Process().children():
        try:
            if "localcloud.scoring.trial" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found
