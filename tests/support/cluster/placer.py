"""A placer without Ray: its replicas are servers of this process, which outlive the localcloud that asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from localcloud.cluster.credentials import Credentials
from localcloud.placing.client import Replicas
from localcloud.placing.errors import PlacingError
from localcloud.placing.placement import Placement
from localcloud.placing.placer import PlacingStatus
from localcloud.placing.server import ReplicaServer
from localcloud.placing.wanted import Placed, Wanted
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.device import Device
from localcloud.scoring.errors import CancelledError
from localcloud.scoring.pipeline import load_package
from localcloud.scoring.served import ServedModel
from localcloud.settings import Settings
from tests.support.cluster.replicas import ADDRESSES
from tests.support.localcloud.scoring_parts import MODEL, device
from tests.support.waiting import PATIENCE_S

HEAD: Final = "10.0.0.5:6379"
DRAIN_S: Final = 15.0


class Machines:
    """The machines of a cluster, and what a test does to them.

    Attributes:
        refused: reasons, by digest, why a model's replicas do not come.
        trouble: what is in the way of the whole; None: nothing is.
        has_room: set: new replicas come; else who waits for them goes on waiting.
        waits: released by each that begins to wait.
        running: the applications that there are, by name.
    """

    def __init__(self, files: Credentials) -> None:
        self.files = files
        self.refused: dict[str, str] = {}
        self.trouble: str | None = None
        self.has_room, self.waits = threading.Event(), threading.Semaphore(0)
        self.has_room.set()
        self.running: dict[str, list[ReplicaServer]] = {}
        self.wanted: list[tuple[Wanted, ...]] = []
        self._known: dict[str, tuple[Endpoint, ...]] = {}

    @contextmanager
    def placed(
        self,
        settings: Settings,
        _device: Device,
        followed: Callable[[str], None],
        *,
        has_copies: bool = False,
    ) -> Iterator[Placement]:
        """As `localcloud.placing.parts.placed`."""
        placement = Placement(
            lambda wanted, shape, fallback: Replicas(shape, self.files, fallback, wanted.application),
            followed,
            has_copies=has_copies,
        )
        placer = _Placer(self, placement)
        placement.use(placer)
        try:
            yield placement
        finally:
            placement.stop()

    def set_number(self, wanted: Wanted, package: Path | None) -> None:
        """Has an application have so many replicas."""
        there = self.running.setdefault(wanted.application, [])
        while len(there) < wanted.replicas:
            assert package is not None
            model = ServedModel(load_package(package.read_bytes(), device()), None, MODEL)
            there.append(
                ReplicaServer(wanted.application, wanted.service_id, model, ADDRESSES[0], self.files)
            )
        while len(there) > wanted.replicas:
            there.pop().stop(DRAIN_S)

    def end(self, application: str) -> None:
        """Ends all of an application's, behind their calls."""
        for one in self.running.pop(application, []):
            one.stop(DRAIN_S)

    def kill(self) -> None:
        """Ends every replica at once."""
        for servers in self.running.values():
            for one in servers:
                one.stop(0)
            servers.clear()

    def endpoints(self, application: str) -> tuple[Endpoint, ...]:
        """Where an application's replicas answered last."""
        return tuple(sorted(one.endpoint for one in self.running.get(application, [])))


class _Placer:
    """The placer of one localcloud, which does all on one thread of its own."""

    def __init__(self, machines: Machines, placement: Placement) -> None:
        self._machines, self._placement = machines, placement
        self._changed = threading.Condition()
        self._wanted: dict[str, Wanted] = {}
        self._has_to_do = self._stopping = False
        self._worker = threading.Thread(target=self._work)

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._worker.is_alive():
            self._worker.join()

    def want(self, wanted: Collection[Wanted]) -> None:
        with self._changed:
            self._wanted = {one.application: one for one in wanted}
            self._machines.wanted.append(tuple(wanted))
            self._has_to_do = True
            self._changed.notify_all()

    def placed(self, service_id: str, digest: str) -> Placed | None:
        with self._changed:
            one = self._wanted.get(Wanted(service_id, digest, 1).application)
        return None if one is None else self._placed(one)

    def wait(self, wanted: Wanted, timeout_s: float, is_cancelled: Callable[[], bool]) -> None:
        assert timeout_s > PATIENCE_S
        self._machines.waits.release()
        with self._changed:
            while True:
                if is_cancelled():
                    raise CancelledError("Nobody waits.")
                if wanted.digest in self._machines.refused:
                    raise PlacingError(self._machines.refused[wanted.digest])
                if len(self._placed(wanted).endpoints) >= wanted.replicas:
                    return
                self._changed.wait(0.05)

    def status(self) -> PlacingStatus:
        trouble = self._machines.trouble
        return PlacingStatus(HEAD, trouble is None, 0.0, None, 0, 1, {}, trouble)

    def _placed(self, one: Wanted) -> Placed:
        return Placed(
            one.service_id, one.digest, self._machines.endpoints(one.application), one.replicas, None
        )

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._has_to_do or self._stopping)
                if self._stopping:
                    return
                if not self._machines.has_room.is_set():
                    self._changed.wait(0.05)
                    continue
                self._has_to_do = False
                wanted = dict(self._wanted)
            for name in self._machines.running.keys() - wanted.keys():
                self._machines.end(name)
            for one in wanted.values():
                if one.digest not in self._machines.refused:
                    self._machines.set_number(one, self._placement.package(one.digest))
            for one in wanted.values():
                self._placement.changed(self._placed(one))
            with self._changed:
                self._changed.notify_all()
