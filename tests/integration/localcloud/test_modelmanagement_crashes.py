"""Packages that end the process that loads them: given up in words, while everything else comes up."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localcloud.settings import DATABASE, LOG
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import FPGA, OFF, PackageHost, endpoint, opens, serving, settings
from tests.support.waiting import wait_until

CRASHES = "crashes.onnx"
CRASHING = f"""
import ctypes, sys
from localcloud import __main__
from localcloud.scoring import pipeline

def load(content, *rest, whole=pipeline.load_package, **named):
    if {CRASHES.encode()!r} in content:
        ctypes.string_at(0)
    return whole(content, *rest, **named)

pipeline.load_package = load
sys.exit(__main__.main(sys.argv[1:]))
"""
"""A localcloud whose native code reads where nothing is, once it loads a package with such a file."""
ENDED_TWICE = "localcloud ended 2 times while it loaded the package of the model"


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        host.put("/c/real.zip", scoring_parts.package())
        # seconds to load, in which a process can be ended
        host.put("/c/slow.zip", _package(scoring_parts.folded_model(1500, products=10)))
        host.put("/c/crashes.zip", _package(scoring_parts.folded_model(4), CRASHES))
        yield host


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "cloud"


def test_an_operation_that_ended_two_processes_fails_in_words(data: Path, packages: PackageHost) -> None:
    with serving(data, CRASHING) as (plane, process):
        plane.make_account()
        other = plane.deploy(plane.register(f"{packages.url}/c/real.zip"), "other")
        crashes = plane.register(f"{packages.url}/c/crashes.zip", "crashes")
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": crashes, "name": "crashes"})
        assert process.wait(60) == -signal.SIGSEGV
    _crash_at_the_start(data)

    with serving(data) as (plane, _):
        operation = plane.finish(accepted)
        assert operation["state"] == "Failed"
        assert operation["error"]["code"] == "PackageEndsTheServer"
        assert f"{ENDED_TWICE} {crashes}, so it is not loaded again" in operation["error"]["message"]
        failed = plane.service(accepted.json()["id"])
        assert (failed["state"], failed["error"]) == ("Failed", operation["error"])
        assert opens(endpoint(other), None, None), "the others answer"
        # asked for anew it is loaded anew: it may have been something else that ended localcloud
        assert plane.update(failed["id"], crashes)["state"] == "Succeeded"
    assert "the last process crashed: Fatal Python error: Segmentation fault" in (data / LOG).read_text()


def test_a_service_that_ended_two_starts_is_left_out_in_words(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, _):
        plane.make_account()
        crashes = plane.deploy(plane.register(f"{packages.url}/c/crashes.zip"), "crashes")
        other = plane.deploy(plane.register(f"{packages.url}/c/real.zip", "real"), "other")
    for _ in range(2):
        _crash_at_the_start(data)

    with serving(data) as (plane, _):
        assert opens(endpoint(other), None, None), "the others come back"
        wait_until(lambda: plane.service(crashes["id"])["state"] == "Failed")
        failed = plane.service(crashes["id"])
        assert failed["error"]["code"] == "PackageEndsTheServer"
        assert f"{ENDED_TWICE} {crashes['modelId']}, so it is not loaded again" in failed["error"]["message"]
        assert plane.update(crashes["id"], crashes["modelId"])["state"] == "Succeeded"
    with serving(data) as (plane, _):
        wait_until(lambda: _loads(data) == [])
        assert plane.service(crashes["id"])["state"] == "Succeeded"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGQUIT])
def test_a_process_that_is_killed_amid_loads_has_no_bad_package(
    data: Path, packages: PackageHost, number: signal.Signals
) -> None:
    """Killed by somebody else: SIGSEGV comes to the main thread then, and not to the one that loads."""
    with serving(data) as (plane, process):
        plane.make_account()
        slow = plane.register(f"{packages.url}/c/slow.zip")
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": slow, "name": "slow"})
        _end_while_it_loads(data, process, number)
    for _ in range(2):
        with serving(data) as (_, process):
            _end_while_it_loads(data, process, number)
    with serving(data) as (plane, process):
        assert plane.finish(accepted)["state"] == "Succeeded"
        service = plane.service(accepted.json()["id"])
        assert opens(endpoint(service), None, None)
        process.kill()
        process.wait()
    for _ in range(2):
        with serving(data) as (_, process):
            _end_while_it_loads(data, process, number)
    with serving(data) as (plane, _):
        assert opens(endpoint(service), None, None), "a start goes on, too"
        assert plane.service(service["id"])["state"] == "Succeeded"


def test_a_clean_stop_is_no_crash(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, process):
        plane.make_account()
        slow = plane.register(f"{packages.url}/c/slow.zip")
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": slow, "name": "slow"})
        wait_until(lambda: _loads(data) != [])
        process.terminate()
        assert process.wait(30) == 0
    assert _loads(data) == []
    with serving(data) as (plane, _):
        assert plane.finish(accepted)["state"] == "Succeeded"


def _package(model: bytes, name: str = "m.onnx") -> bytes:
    definition = scoring_parts.definition(scoring_parts.onnx_stage(model_path=name))
    return scoring_parts.package({"service_def.json": definition, name: model})


def _crash_at_the_start(data: Path) -> None:
    """Starts a localcloud on a folder, which crashes by the package, before it is ready or after."""
    command = [sys.executable, "-c", CRASHING, "serve", "--data", str(data)]
    command += ["--featurizers", str(settings(data).featurizers)]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, check=False, timeout=60)
    assert ended.returncode == -signal.SIGSEGV


def _end_while_it_loads(data: Path, process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Has somebody end it while a package is being loaded."""
    wait_until(lambda: _loads(data) != [])
    process.send_signal(number)
    assert process.wait(60) == -number


def _loads(data: Path) -> list[str]:
    """The subjects of the loads that are under way."""
    with closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT subject FROM loads")]
