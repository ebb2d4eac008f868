"""Packages that end the process that loads them: given up in words, while everything else comes up."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localcloud.settings import DATABASE
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import FPGA, OFF, PackageHost, endpoint, opens, serving
from tests.support.waiting import wait_until

ENDED_TWICE = "localcloud ended 2 times while it loaded the package of the model"


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        host.put("/c/real.zip", scoring_parts.package())
        # seconds to load, in which a process can be ended
        host.put("/c/slow.zip", _package(scoring_parts.folded_model(1500, products=10)))
        yield host


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "cloud"


def test_an_operation_that_ended_two_processes_fails_in_words(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, process):
        plane.make_account()
        other = plane.deploy(plane.register(f"{packages.url}/c/real.zip"), "other")
        slow = plane.register(f"{packages.url}/c/slow.zip", "slow")
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": slow, "name": "slow"})
        _kill_while_it_loads(data, process, attempt=1)
    with serving(data) as (_, process):
        _kill_while_it_loads(data, process, attempt=2)

    with serving(data) as (plane, _):
        operation = plane.finish(accepted)
        assert operation["state"] == "Failed"
        assert operation["error"]["code"] == "PackageEndsTheServer"
        assert f"{ENDED_TWICE} {slow}, so it is not loaded again" in operation["error"]["message"]
        failed = plane.service(accepted.json()["id"])
        assert (failed["state"], failed["error"]) == ("Failed", operation["error"])
        assert opens(endpoint(other), None, None), "the others answer"
        # asked for anew it is loaded anew: it may have been something else that ended localcloud
        assert plane.update(failed["id"], slow)["state"] == "Succeeded"


def test_a_service_that_ended_two_starts_is_left_out_in_words(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, _):
        plane.make_account()
        slow = plane.deploy(plane.register(f"{packages.url}/c/slow.zip"), "slow")
        other = plane.deploy(plane.register(f"{packages.url}/c/real.zip", "real"), "other")
    for attempt in (1, 2):
        with serving(data) as (_, process):
            _kill_while_it_loads(data, process, attempt)

    with serving(data) as (plane, _):
        assert opens(endpoint(other), None, None), "the others come back"
        wait_until(lambda: plane.service(slow["id"])["state"] == "Failed")
        failed = plane.service(slow["id"])
        assert failed["error"]["code"] == "PackageEndsTheServer"
        assert f"{ENDED_TWICE} {slow['modelId']}, so it is not loaded again" in failed["error"]["message"]
        assert plane.update(slow["id"], slow["modelId"])["state"] == "Succeeded"
    with serving(data) as (plane, _):
        wait_until(lambda: _attempts(data) == [])
        assert plane.service(slow["id"])["state"] == "Succeeded"


def test_a_clean_stop_is_no_crash(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, process):
        plane.make_account()
        slow = plane.register(f"{packages.url}/c/slow.zip")
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": slow, "name": "slow"})
        wait_until(lambda: _attempts(data) != [])
        process.terminate()
        assert process.wait(30) == 0
    assert _attempts(data) == []
    with serving(data) as (plane, _):
        assert plane.finish(accepted)["state"] == "Succeeded"


def _package(model: bytes) -> bytes:
    definition = scoring_parts.definition(scoring_parts.onnx_stage())
    return scoring_parts.package({"service_def.json": definition, "m.onnx": model})


def _kill_while_it_loads(data: Path, process: subprocess.Popen[str], attempt: int) -> None:
    """SIGKILL, as the kernel sends one to who takes all memory."""
    wait_until(lambda: attempt in _attempts(data))
    process.kill()
    process.wait()


def _attempts(data: Path) -> list[int]:
    """How often each thing was begun that has not ended."""
    with closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT begun FROM attempts")]
