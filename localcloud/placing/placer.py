"""The placer: has replicas on other machines be those that services want, and knows where they answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.cluster.credentials import Credentials
from localcloud.placing import kept
from localcloud.placing.child import Child
from localcloud.placing.errors import PlacingError
from localcloud.placing.kept import Kept
from localcloud.placing.messages import Asked, Running, Told
from localcloud.placing.wanted import Placed, Wanted
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.errors import CancelledError

__all__ = ["Placer", "PlacingError", "PlacingStatus"]

_LOOK_INTERVAL_S: Final = 0.5
"""How often a waiting caller is asked whether it is still there."""
PATIENCE_S: Final = 10.0
"""How long a trouble that only people mend is looked at before who waits is told of it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlacingStatus:
    """The status of a placer.

    Attributes:
        address: `HOST:PORT` of the cluster's head.
        connected: whether the cluster answers.
        since: since when it does, or does not, in seconds since 1970.
        pid: of the child that holds the Ray driver; None: it is being started.
        restarts: how often it has been started again.
        nodes: how many machines the cluster has; 0 while it does not answer.
        replicas: of each service that is wanted how many replicas answer, as far as is known, and how many
            there are to be.
        trouble: what is in the way, a sentence; None: nothing is.
    """

    address: str
    connected: bool
    since: float
    pid: int | None
    restarts: int
    nodes: int
    replicas: Mapping[str, tuple[int, int]]
    trouble: str | None


class Placer:
    """The placer. Its methods may be called from any thread.

    Endpoints are as Ray told them last: where the cluster or the child is lost, they stay.

    Args:
        address: `HOST:PORT` of the cluster's head.
        credentials: this machine's.
        data: localcloud's data folder.
        files: where replicas fetch packages.
        changed: is called, from one thread, with each change of a wanted service's replicas.

    Raises:
        StartError: what the data folder keeps of a run before is damaged, or the certificate is not for this
            machine.
    """

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        data: Path,
        files: Endpoint,
        changed: Callable[[Placed], None],
    ) -> None:
        self._address, self._data, self._files, self._notify = address, data, files, changed
        self._node = credentials.own_address()
        self._changed = threading.Condition()
        self._kept = kept.read(data)
        self._written = dict(self._kept)
        self._wanted: dict[str, Wanted] | None = None  # nothing is ended before the first is known
        self._number = 0  # of the last message to the child
        self._asked_in: dict[str, int] = {}  # the message in which each of them was wanted first
        self._told, self._since = Told(), time.time()
        self._last: dict[str, Running] = {}  # what was last told of each
        self._shown: dict[str, Placed] = {}
        self._has_to_tell = self._stopping = False
        self._child = Child(credentials, self._on_started, self._on_told)
        self._worker = threading.Thread(target=self._work, name="placer", daemon=True)

    def start(self) -> None:
        """Starts the child, and returns at once; a cluster that is not there yet is tried again for ever."""
        self._child.start()
        self._worker.start()

    def stop(self) -> None:
        """Ends the child; the replicas stay. May be called twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._child.stop()
        if self._worker.is_alive():
            self._worker.join()
        with self._changed:
            keeps = dict(self._kept)
        if keeps != self._written:
            self._keep(keeps)

    def want(self, wanted: Collection[Wanted]) -> None:
        """Has these be all the replicas that there are: others of this localcloud's go.

        Before the first call nothing is changed on the cluster.
        """
        with self._changed:
            before, self._wanted = self._wanted or {}, {one.application: one for one in wanted}
            self._number += 1
            for name in self._wanted.keys() - before.keys():
                self._kept.setdefault(name, Kept(self._wanted[name].service_id, self._wanted[name].digest))
                self._last.pop(name, None)
                self._asked_in[name] = self._number
            self._has_to_tell = True
            self._changed.notify_all()

    def placed(self, service_id: str, digest: str) -> Placed | None:
        """The replicas of a service that answer, as far as is known; None: it is not wanted."""
        with self._changed:
            one = (self._wanted or {}).get(Wanted(service_id, digest, 1).application)
            return None if one is None else self._placed(one)

    def wait(self, wanted: Wanted, timeout_s: float, is_cancelled: Callable[[], bool]) -> None:
        """Returns once as many replicas answer as there are to be.

        Args:
            wanted: one of what was given to `want`.
            timeout_s: how long to wait, in seconds.
            is_cancelled: whether nobody waits any more; asked twice a second.

        Raises:
            PlacingError: they do not in time, or cannot without somebody's doing: how many answer, and why.
            CancelledError: nobody waits any more.
        """
        deadline = time.monotonic() + timeout_s
        stuck: tuple[str, float] | None = None
        while True:
            with self._changed:
                last, now = self._last.get(wanted.application), time.monotonic()
                placed = self._placed(wanted)
                if last is not None and len(placed.endpoints) >= wanted.replicas:
                    return
                if last is None or not (last.trouble and last.is_stuck):
                    stuck = None
                elif stuck is None or stuck[0] != last.trouble:
                    stuck = last.trouble, now
                is_over = (
                    self._stopping or now >= deadline or (stuck is not None and now > stuck[1] + PATIENCE_S)
                )
                if is_over or (last is not None and last.is_final):
                    raise PlacingError(self._why(placed))
                self._changed.wait(min(_LOOK_INTERVAL_S, deadline - now))
            if is_cancelled():
                raise CancelledError(f"Nobody waits for the replicas of {wanted.service_id} any more.")

    def status(self) -> PlacingStatus:
        """The status as it is now."""
        with self._changed:
            placed = [self._placed(one) for one in (self._wanted or {}).values()]
            return PlacingStatus(
                address=self._address,
                connected=self._told.is_connected,
                since=self._since,
                pid=self._child.pid,
                restarts=self._child.restarts,
                nodes=self._told.nodes,
                replicas={one.service_id: (len(one.endpoints), one.wanted) for one in placed},
                trouble=self._trouble(),
            )

    def _trouble(self) -> str | None:
        """The sentence on what is in the way of the whole; the condition is held."""
        if self._told.is_connected or self._wanted is None:
            return None
        if self._told.trouble:
            return self._told.trouble
        failure = self._child.failure
        reason = f" ({failure})" if failure else ""
        return f"The Ray driver is being started{reason}."

    def _why(self, placed: Placed) -> str:
        """The sentence for who has waited in vain; the condition is held."""
        trouble = self._trouble() or placed.trouble or "The others did not in time."
        return f"{len(placed.endpoints)} of {placed.wanted} replicas answer. {trouble}"

    def _placed(self, one: Wanted) -> Placed:
        """The replicas of a wanted application; the condition is held."""
        known = self._kept.get(one.application, Kept(one.service_id, one.digest))
        last = self._last.get(one.application, Running())
        trouble = last.trouble if len(known.endpoints) < one.replicas else None
        return Placed(one.service_id, one.digest, known.endpoints, one.replicas, trouble)

    def _on_started(self) -> None:
        """There is a new child: in the thread that keeps it."""
        with self._changed:
            if self._told.is_connected:
                self._since = time.time()
            self._told = Told()
            self._has_to_tell = True
            self._changed.notify_all()

    def _on_told(self, told: Told) -> None:
        """The child has said something: in the thread that keeps it."""
        with self._changed:
            before, self._told = self._told, told
            if told.is_connected != before.is_connected:
                self._since = time.time()
            if told.trouble is not None and told.trouble != before.trouble:
                log.warning("%s", told.trouble)
            if told.is_connected and not before.is_connected:
                log.info("the cluster at %s answers: %d nodes", self._address, told.nodes)
            if told.is_connected and self._wanted is not None:
                for name, running in told.applications.items():
                    if name in self._wanted and told.number >= self._asked_in[name]:
                        one = self._kept[name]
                        self._kept[name] = Kept(one.service_id, one.digest, running.endpoints)
                        self._last[name] = running
                gone = self._kept.keys() - self._wanted.keys() - told.applications.keys()
                for name in gone if told.number == self._number else ():
                    del self._kept[name]
                    self._last.pop(name, None)
                    self._asked_in.pop(name, None)
            self._changed.notify_all()

    def _work(self) -> None:
        """The thread that tells the child, the caller and the data folder."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._has_to_do())
                if self._stopping:
                    return
                keeps = dict(self._kept)
                line = self._line() if self._has_to_tell else None
                self._has_to_tell = False
                changes = self._changes()
            if keeps != self._written:
                self._keep(keeps)
            if line is not None:
                self._child.send(line)
            for placed in changes:
                try:
                    self._notify(placed)
                except Exception:  # of whoever follows: the others are told all the same
                    log.exception("replicas of %s could not be followed", placed.service_id)

    def _has_to_do(self) -> bool:
        """Whether there is something to tell; the condition is held."""
        has_to_tell = self._has_to_tell and self._wanted is not None
        return has_to_tell or self._kept != self._written or bool(self._changes(looks=True))

    def _changes(self, *, looks: bool = False) -> list[Placed]:
        """Replicas of wanted applications that are others than were shown; the condition is held."""
        now = {name: self._placed(one) for name, one in (self._wanted or {}).items()}
        found = [placed for name, placed in now.items() if self._shown.get(name) != placed]
        if not looks:
            self._shown = now
        return found

    def _line(self) -> bytes | None:
        if self._wanted is None:
            return None
        wanted = tuple(self._wanted.values())
        own = tuple(sorted(self._kept.keys() - self._wanted.keys()))
        return Asked(
            number=self._number,
            address=self._address,
            node=self._node,
            files=self._files.target,
            wanted=wanted,
            attempts={name: self._asked_in[name] for name in self._wanted},
            known={name: self._kept[name].endpoints for name in self._wanted},
            own=own,
        ).line()

    def _keep(self, applications: Mapping[str, Kept]) -> None:
        try:
            kept.write(self._data, applications.values())
        except OSError as error:
            log.warning("%s cannot be kept: %s", self._data / kept.FILE, error.strerror)
        self._written = dict(applications)
