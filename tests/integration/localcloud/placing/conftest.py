"""Placers for the tests, and the files of a node, which end with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from localcloud.cluster.credentials import Credentials
from localcloud.placing.placer import Placer
from localcloud.placing.wanted import Placed
from localcloud.scoring.addresses import Endpoint
from tests.support.certificates.authority import Authority
from tests.support.cluster import replicas
from tests.support.machines import Machine
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return replicas.credentials(tmp_path_factory.mktemp("node") / "tls", authority)


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Following:
    """What a placer has told of changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[tuple[str, str], Placed] = {}

    def __call__(self, placed: Placed) -> None:
        """A change."""
        with self._lock:
            self._newest[placed.service_id, placed.digest] = placed

    def endpoints(self, service_id: str, digest: str) -> tuple[Endpoint, ...] | None:
        """The endpoints that were told last; None: none were."""
        with self._lock:
            found = self._newest.get((service_id, digest))
        return None if found is None else found.endpoints


Made = tuple[Placer, Following]
Place = Callable[..., AbstractContextManager[Made]]


@pytest.fixture(scope="session")
def place() -> Place:
    """Starts a placer on a machine, for the length of a block."""

    @contextmanager
    def start(machine: Machine, credentials: Credentials, data: Path, address: str) -> Iterator[Made]:
        following = Following()
        data.mkdir(exist_ok=True)
        with machine.entered():
            placer = Placer(address, credentials, data, Endpoint(machine.address, 7000), following)
            placer.start()
            try:
                yield placer, following
            finally:
                placer.stop()

    return start


def child_of(placer: Placer) -> int:
    """The number of the child's process, once it has spoken."""
    found: list[int] = []

    def spoke() -> bool:
        pid = placer.status().pid
        found.extend([] if pid is None else [pid])
        return pid is not None

    wait_until(spoke)
    return found[-1]
