"""Trials of packages: what a bad one is told, and that nothing else notices it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from localcloud.datafolder.store import Store
from localcloud.modelmanagement import endings
from localcloud.modelmanagement.trials import Trials
from localcloud.scoring import trial_process
from localcloud.scoring.errors import PackageError, ScoringError
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import (
    FPGA,
    OFF,
    PackageHost,
    endpoint,
    opens,
    refusal,
    serving,
)
from tests.support.localcloud.parts import built_model
from tests.support.waiting import wait_until

GIB = 1 << 30
TOO_LARGE = " MiB of memory to load and to run: make it smaller."
HOG = scoring_parts.folded_model(40_000)  # 6.4 GB, in a file of some hundred bytes
ATTACK = """
import os, socket, sys
from localcloud.scoring import trial
from localcloud.scoring.errors import PackageError

def attempts():
    yield "open", lambda: open("/etc/passwd")
    yield "connect", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    yield "send", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    yield "write", lambda: (kept.write(b"x"), kept.flush())

def attack(content, device):
    told = []
    for name, attempt in attempts():
        try:
            attempt()
            told.append(f"{name}: done")
        except (OSError, ValueError) as error:
            told.append(f"{name}: {error}")
    raise PackageError("; ".join(told))

kept = open(os.environ["KEPT"], "wb")
trial.load_package = attack
"""


@pytest.fixture(scope="module")
def packages() -> Iterator[PackageHost]:
    with PackageHost().running() as host:
        host.put("/c/real.zip", scoring_parts.package())
        host.put("/c/hog.zip", _package(HOG))
        host.put("/c/slower.zip", _package(scoring_parts.folded_model(1500, products=10)))
        host.put("/c/slow.zip", _package(scoring_parts.folded_model(6000, products=30)))
        yield host


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "cloud"


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Trials]:
    with closing(Store(tmp_path / "localcloud.db")) as store:
        yield Trials(store, built_model().featurizers)


@pytest.mark.parametrize("for_fpga", [True, False], ids=["at the registration", "by the operation"])
def test_a_package_that_takes_all_memory_is_told_so_and_harms_nobody(
    data: Path, packages: PackageHost, for_fpga: bool
) -> None:
    with serving(data) as (plane, process):
        plane.make_account()
        other = plane.deploy(plane.register(f"{packages.url}/c/real.zip"), "other")
        # the test does not take the machine's memory, should the server load it
        used = psutil.Process(process.pid).memory_info().vms
        resource.prlimit(process.pid, resource.RLIMIT_AS, (used + 2 * GIB, used + 2 * GIB))

        url = f"{packages.url}/c/hog.zip"
        if for_fpga:
            body = {"name": "hog", "mimeType": "application/zip", "url": url, "unpack": False}
            status, code, message = refusal(plane.call("POST", "models", body | {"computeType": "FPGA"}))
            assert (status, code) == (400, "InvalidPackage")
        else:
            body = FPGA | OFF | {"modelId": plane.register(url, "hog"), "name": "hog"}
            accepted = plane.call("POST", "services", body)
            operation = plane.finish(accepted)
            code, message = operation["error"]["code"], operation["error"]["message"]
            assert (operation["state"], code) == ("Failed", "InvalidPackage")
            assert plane.service(accepted.json()["id"])["error"] == operation["error"]
        assert message.startswith("The package takes more than ")
        assert message.endswith(TOO_LARGE)
        assert process.poll() is None
        assert opens(endpoint(other), None, None), "the others answer"


def test_a_package_without_an_end_is_told_so(
    tried: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_process, "TOTAL_TIMEOUT_S", 2.0)
    package = _file(tmp_path, scoring_parts.folded_model(6000, products=100))
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(PackageError, match="The package takes too long to load and to run on one image"):
        tried.require(package)
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK12345", "The package is not a zip file that can be read: File is not a zip file"),
        (
            scoring_parts.package(
                {"service_def.json": scoring_parts.definition(scoring_parts.brainwave(model_ref="resnet50"))}
            ),
            "The device has no featurizer 'resnet50' of version '1.0.0'; it has: efficientnet-lite0 1.0.0.",
        ),
        (
            scoring_parts.package(
                {
                    "service_def.json": scoring_parts.definition(scoring_parts.onnx_stage()),
                    "m.onnx": scoring_parts.tiny_model("Abs", ["n", 5], ["n", 5]),
                }
            ),
            "pipeline[0] (m.onnx) takes x of shape [n, 5]; the first stage takes images of shape "
            "[n, height, width, 3].",
        ),
    ],
    ids=["no zip", "no such featurizer", "no images"],
)
def test_a_refusal_keeps_its_words(tried: Trials, tmp_path: Path, content: bytes, words: str) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(content)
    with pytest.raises(PackageError) as refused:
        tried.require(package)
    assert str(refused.value) == words


def test_what_passed_is_not_tried_again_until_onnxruntime_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(scoring_parts.package())
    with closing(Store(tmp_path / "localcloud.db")) as store:
        featurizers = built_model().featurizers
        Trials(store, featurizers).require(package)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
        Trials(store, featurizers).require(package)
        with store.write() as db:
            db.execute("UPDATE trials SET runtime = 'onnxruntime 1.0.0'")
        with pytest.raises(
            ScoringError, match=r"could not be tried, for no process could be started: No such"
        ):
            Trials(store, featurizers).require(package)


def test_a_package_on_trial_opens_nothing_and_writes_nothing(tmp_path: Path) -> None:
    package, kept = _file(tmp_path, scoring_parts.folded_model(2)), tmp_path / "kept"
    script = f"{ATTACK}\nraise SystemExit(trial.main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, package, built_model().featurizers, GIB, "cpu"]
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "KEPT": str(kept)},
    ) as child:
        assert child.stdout is not None
        told = json.loads(child.stdout.read())["refused"].split("; ")
    assert [line.partition(": ")[2] for line in told] == [
        "[Errno 24] Too many open files: '/etc/passwd'",
        "[Errno 24] Too many open files",
        "[Errno 24] Too many open files",
        "[Errno 27] File too large",
    ]
    assert kept.read_bytes() == b""


def test_a_trial_ends_with_the_server(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, process):
        plane.make_account()
        slow = plane.register(f"{packages.url}/c/slow.zip")
        plane.call("POST", "services", FPGA | OFF | {"modelId": slow, "name": "slow"})
        wait_until(lambda: _trials_of(process) != [])
        (child,) = _trials_of(process)
        process.kill()
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_trial_that_somebody_kills_is_begun_again(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, process):
        plane.make_account()
        model = plane.register(f"{packages.url}/c/slower.zip")
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": model, "name": "killed"})
        for number in (signal.SIGKILL, signal.SIGTERM):
            wait_until(lambda: _trials_of(process) != [])
            (child,) = _trials_of(process)
            child.send_signal(number)
            psutil.wait_procs([child], timeout=30)
        assert plane.finish(accepted)["state"] == "Succeeded"


def test_a_package_whose_trials_are_all_killed_is_not_blamed(
    tried: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = _file(tmp_path, scoring_parts.folded_model(4))
    killing = tmp_path / "python"
    killing.write_text("#!/bin/sh\nkill -9 $$\n")
    killing.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(killing))
    with pytest.raises(
        ScoringError, match="5 processes that did were killed, one after another, by something"
    ) as told:
        tried.require(package)
    assert not isinstance(told.value, PackageError)
    # where the system has killed for want of memory meanwhile, or does not tell, it is the package's
    for counts in ([3, 4], [None, None]):
        monkeypatch.setattr(endings, "memory_kills", iter(counts).__next__)
        with pytest.raises(
            PackageError, match=r"ended the process that tried it \(SIGKILL\): most likely it takes"
        ):
            tried.require(package)


def test_a_stop_does_not_wait_for_a_trial(data: Path, packages: PackageHost) -> None:
    with serving(data) as (plane, process):
        plane.make_account()
        slow = plane.register(f"{packages.url}/c/slow.zip")
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": slow, "name": "slow"})
        wait_until(lambda: _trials_of(process) != [])
        process.terminate()
        assert process.wait(10) == 0
    with serving(data) as (plane, _):
        operation = plane.call("GET", accepted.headers["Operation-Location"]).json()
        assert operation["state"] == "Running", "it is for the next start"


def _trials_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children()
    return [child for child in children if "localcloud.scoring.trial" in child.cmdline()]


def _package(model: bytes) -> bytes:
    definition = scoring_parts.definition(scoring_parts.onnx_stage())
    return scoring_parts.package({"service_def.json": definition, "m.onnx": model})


def _file(folder: Path, model: bytes) -> Path:
    path = folder / "package.zip"
    path.write_bytes(_package(model))
    return path
