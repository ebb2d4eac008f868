"""Many services in one localcloud: what each of them costs, and none lost by kill -9 or under load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from clients.wire.onnx_model import Model
from localcloud.scoring import device
from localcloud.scoring.calls import WAITING
from localcloud.scoring.turns import cores
from tests.support.localcloud.data_plane import DataPlane, PackageHost, running, serving
from tests.support.localcloud.many_services import deploy, errors
from tests.support.localcloud.scoring_parts import package, photo_request
from tests.support.waiting import wait_until

SERVICES = 100
CALLERS = 50
PHOTO = photo_request().SerializeToString()


def listed(plane: DataPlane) -> list[str]:
    """The names of all services, by account."""
    names = []
    for number in range(-(-SERVICES // 16)):
        plane.use_account(f"account{number}")
        names += [service["name"] for service in plane.call("GET", "services").json()["value"]]
    return names


def test_a_hundred_services_come_back_and_cost_a_thread_and_two_descriptors_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "cloud"
    with PackageHost().running() as host, serving(data) as (plane, process):
        empty = psutil.Process(process.pid)
        threads, descriptors = empty.num_threads(), empty.num_fds()
        services = deploy(plane, host.put("/model.zip", package()), SERVICES)
        process.kill()

    with serving(data) as (plane, process):
        full = psutil.Process(process.pid)
        assert len(services) == len(set(services)) == SERVICES
        assert listed(plane) == [f"service{number}" for number in range(SERVICES)]
        # beside the services: threads that compute, that fetch, that restore
        assert full.num_threads() <= threads + SERVICES + 20 + 2 * cores()
        assert full.num_fds() <= descriptors + 2 * SERVICES + 20

        assert errors(services * 2, PHOTO, CALLERS) == []
        assert full.num_threads() <= threads + SERVICES + CALLERS + 30 + 4 * cores()
        assert full.memory_info().rss <= 600 << 20
        wait_until(lambda: full.num_fds() <= descriptors + 2 * SERVICES + 20)
        process.kill()

    loaded: list[bytes | Path] = []

    class Counted(Model):
        def __init__(self, source: bytes | Path, providers: Sequence[str]) -> None:
            loaded.append(source)
            super().__init__(source, providers)

    monkeypatch.setattr(device, "Model", Counted)
    with running(data):
        assert errors(services, PHOTO, CALLERS) == []
    assert len(loaded) == 2, "the featurizer and the classifier, once for all services"


def test_more_callers_than_places_are_all_answered_or_told_so(tmp_path: Path) -> None:
    number = 3 * WAITING.peer
    with PackageHost().running() as host, serving(tmp_path / "cloud") as (plane, process):
        services = deploy(plane, host.put("/model.zip", package()), 2)
        told = errors([services[one % 2] for one in range(number)], PHOTO, number)
        assert all("RESOURCE_EXHAUSTED" in one and "call again later" in one for one in told)
        assert len(told) < number
        full = psutil.Process(process.pid)
        assert full.num_threads() <= number + 100
        assert full.memory_info().rss <= 800 << 20
        assert errors(services, PHOTO, 4) == []
