"""The scorers of placed services: one for each model of theirs, which follows its replicas."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from localcloud.placing.wanted import Placed, Wanted
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.scorer import ModelShape, Replicated, Scorer
from localcloud.status import ReplicasStatus

if TYPE_CHECKING:
    from localcloud.placing.placer import PlacingStatus

log = logging.getLogger(__name__)


class Placing(Protocol):
    """The part of a placer (`localcloud.placing.placer.Placer`) that scorers of replicas need."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def want(self, wanted: Collection[Wanted]) -> None: ...

    def placed(self, service_id: str, digest: str) -> Placed | None: ...

    def wait(self, wanted: Wanted, timeout_s: float, is_cancelled: Callable[[], bool]) -> None: ...

    def status(self) -> PlacingStatus: ...


@dataclass
class _Application:
    """A model of a service: how many replicas there are to be, its package, and what calls them."""

    wanted: Wanted
    package: Path
    scorer: Replicated


class Placement:
    """The placement of all services. Its methods may be called from any thread.

    Until `start` nothing is changed on the cluster: by then all that is there must be known.

    Args:
        made: makes what calls the replicas of an application; `fallback` answers where there are none.
        followed: is called with the ID of a service whose replicas are others now.
        has_copies: whether models run in this process, too, for when no replica answers.
    """

    def __init__(
        self,
        made: Callable[[Wanted, ModelShape, Scorer | None], Replicated],
        followed: Callable[[str], None],
        *,
        has_copies: bool = False,
    ) -> None:
        self._made, self._followed, self.has_copies = made, followed, has_copies
        self._placer: Placing | None = None
        self._lock = threading.Lock()
        self._applications: dict[str, _Application] = {}  # by name

    def use(self, placer: Placing) -> None:
        """Has replicas placed by this one, which calls `changed`."""
        self._placer = placer

    def start(self) -> None:
        """Begins with what is there, and returns at once."""
        with self._lock:
            self._want()
        self._placing.start()

    def stop(self) -> None:
        """Ends; the replicas stay. May be called twice."""
        self._placing.stop()
        with self._lock:
            applications = list(self._applications.values())
        for one in applications:
            one.scorer.close()

    def package(self, digest: str) -> Path | None:
        """The file of a package that replicas may fetch; None: none of theirs has this digest."""
        with self._lock:
            found = (one.package for one in self._applications.values() if one.wanted.digest == digest)
            return next(found, None)

    def scorer(self, wanted: Wanted, package: Path, shape: ModelShape, fallback: Scorer | None) -> Replicated:
        """The scorer of a model of a service, whose replicas there are to be from now on.

        Args:
            package: the file that they fetch.
            fallback: answers where there are none, unless the model has a scorer already.
        """
        with self._lock:
            there = self._applications.get(wanted.application)
            if there is None:
                there = _Application(wanted, package, self._made(wanted, shape, fallback))
                self._applications[wanted.application] = there
            there.wanted = wanted
            self._want()
            self._follow(there)
            return there.scorer

    def wait(self, wanted: Wanted, timeout_s: float, is_cancelled: Callable[[], bool]) -> None:
        """Returns once as many replicas of a model answer as there are to be.

        Raises:
            PlacingError: they do not in time, or cannot.
            CancelledError: nobody waits any more.
        """
        self._placing.wait(wanted, timeout_s, is_cancelled)

    def settle(self, service_id: str, wanted: Wanted | None) -> None:
        """Has a service have these replicas and no others; None: none."""
        with self._lock:
            of_it = [one for one in self._applications.values() if one.wanted.service_id == service_id]
            gone = [one for one in of_it if wanted is None or one.wanted.application != wanted.application]
            for one in gone:
                del self._applications[one.wanted.application]
            for one in of_it:
                if wanted is not None and one not in gone:
                    one.wanted = wanted
            self._want()
        for one in gone:
            one.scorer.close()

    def endpoints(self, application: str) -> tuple[Endpoint, ...]:
        """The replicas of an application, as they are known last."""
        with self._lock:
            one = self._applications.get(application)
        placed = None if one is None else self._placing.placed(one.wanted.service_id, one.wanted.digest)
        return () if placed is None else placed.endpoints

    def changed(self, placed: Placed) -> None:
        """Follows replicas that have changed: the placer calls it."""
        name = Wanted(placed.service_id, placed.digest, placed.wanted).application
        with self._lock:
            there = self._applications.get(name)
            if there is not None:
                self._follow(there)
        if there is not None:
            self._followed(placed.service_id)

    def status(self) -> ReplicasStatus:
        """The status as it is now."""
        told = self._placing.status()
        since = dt.datetime.fromtimestamp(told.since, dt.UTC).isoformat(timespec="seconds")
        return ReplicasStatus(
            told.address, told.connected, since, told.nodes, told.pid, told.restarts, told.trouble
        )

    def number(self, service_id: str) -> tuple[int, int] | None:
        """How many replicas of a service answer, and how many there are to be; None: it has none.

        Of a model that is about to take another one's place nothing is told.
        """
        with self._lock:
            of_it = [one for one in self._applications.values() if one.wanted.service_id == service_id]
        if not of_it:
            return None
        wanted = of_it[0].wanted
        return len(self.endpoints(wanted.application)), wanted.replicas

    def note(self, service_id: str) -> str | None:
        """The reason why a service has fewer replicas than it is to have, or old ones; None: it has all."""
        with self._lock:
            of_it = [one.wanted for one in self._applications.values() if one.wanted.service_id == service_id]
        for number, wanted in enumerate(of_it):
            placed = self._placing.placed(service_id, wanted.digest)
            there = 0 if placed is None else len(placed.endpoints)
            if there < wanted.replicas:
                why = None if placed is None else placed.trouble
                return (
                    f"{'Of its next model ' if number else ''}"
                    f"{why or f'{there} of {wanted.replicas} replicas answer.'}"
                )
        trouble = self._placing.status().trouble if of_it else None
        return None if trouble is None else f"Its replicas are those that were known last. {trouble}"

    @property
    def _placing(self) -> Placing:
        assert self._placer is not None  # noqa: S101 - `use` comes first
        return self._placer

    def _want(self) -> None:
        """Tells the placer what is wanted; the lock is held."""
        self._placing.want([one.wanted for one in self._applications.values()])

    def _follow(self, application: _Application) -> None:
        """Has a scorer call the replicas that are known last; the lock is held."""
        wanted = application.wanted
        placed = self._placing.placed(wanted.service_id, wanted.digest)
        try:
            application.scorer.follow(() if placed is None else placed.endpoints)
        except OSError:
            log.exception("the replicas of %s cannot be called", wanted.service_id)
