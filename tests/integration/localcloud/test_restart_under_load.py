"""A restart loses no call of callers who repeat by the documented rule: counted, with real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from clients.http import Pipeline
from fpga.cloud import local_cloud
from localcloud import control
from localcloud.settings import Settings
from tests.support.certificates.authority import Authority
from tests.support.localcloud import parts, scoring_parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane, PackageHost, on
from tests.support.localcloud.retrying_callers import Tally, calling, scoring

SCORING_CALLERS: Final = 8
HTTPS_CALLERS: Final = 4
RESTARTS: Final = 2


@dataclass(frozen=True)
class Served:
    """A localcloud as a process of its own, with a service, and what its callers need."""

    settings: Settings
    service: dict[str, Any]
    key: str
    root: bytes


def fpga(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fpga.cli", *arguments],
        cwd=Path(local_cloud.__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("restart") / "cloud"
    authority = Authority()
    settings = parts.settings(data)
    try:
        fpga(
            "cloud",
            "up",
            "--data",
            str(data),
            "--scoring-network",
            "127.93.0.0/16",
            "--package-host",
            "127.0.0.1",
        )
        plane = DataPlane(control.status(data))
        with PackageHost().running() as host:
            plane.make_account()
            model = plane.register(host.put("/model.zip", scoring_parts.package()))
        service = plane.deploy(model, **on(authority))
        key, _ = plane.keys(service["id"])
        plane.close()
        yield Served(settings, service, key, authority.root)
    finally:
        control.stop(data)


@contextmanager
def load(served: Served) -> Iterator[Tally]:
    """Calls of every kind, all the time."""
    status = control.status(served.settings.data)
    caller = ArmCaller(status)
    token = caller.token()
    caller.close()
    group = f"{status.https}/subscriptions/{status.subscription}/resourceGroups/under-load"
    query = {"api-version": "2021-04-01"}
    target = f"{served.service['ipAddress']}:{served.service['port']}"
    with ExitStack() as stack:
        pipelines = [Pipeline(lambda: token, verify=str(status.ca)) for _ in range(HTTPS_CALLERS)]
        for one in pipelines:
            stack.callback(one.close)
        scored = stack.enter_context(
            scoring(
                target,
                served.root,
                scoring_parts.SERVER_NAME,
                served.key,
                scoring_parts.photo_request().SerializeToString(),
                SCORING_CALLERS,
            )
        )

        def get(pipeline: Pipeline) -> Callable[[], object]:
            return lambda: pipeline.send("GET", f"{status.https}/subscriptions", query=query)

        def put(pipeline: Pipeline, number: int) -> Callable[[], object]:
            return lambda: pipeline.send("PUT", f"{group}{number}", query=query, body={"location": "eastus2"})

        asked = [get(one) if number % 2 else put(one, number) for number, one in enumerate(pipelines)]
        yield stack.enter_context(calling(*scored, *asked))


def test_down_and_up_lose_no_call(served: Served) -> None:
    data = str(served.settings.data)
    before = control.status(served.settings.data)
    with load(served) as tally:
        for _ in range(RESTARTS):
            fpga("cloud", "down", "--data", data)
            fpga("cloud", "up", "--data", data, "--scoring-network", "127.93.0.0/16")
    print(tally)
    assert tally.failed == []
    assert control.status(served.settings.data).pid != before.pid
