"""The edge: one Envoy before the services' own servers, which has one address for all where it can."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

from localcloud.cluster.credentials import Credentials
from localcloud.datafolder import memory
from localcloud.edge import ENVOY, binary, calls, resources, upstreams
from localcloud.edge.admin import Admin
from localcloud.edge.calls import HandedOn
from localcloud.edge.entrance import Entrance, Upstream, obstacle
from localcloud.edge.envoy import Envoy
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.placing import asked
from localcloud.ports import RELEASE_TIMEOUT_S
from localcloud.scoring.addresses import Endpoint, UnixSocket, bind_problem
from localcloud.scoring.errors import BindError
from localcloud.scoring.tls import TlsMaterial
from localcloud.settings import Settings
from localcloud.status import EdgeStatus
from localcloud.waiting import every, until

_PURPOSE: Final = "edge"
_TAKEN_S: Final = 20.0
"""How long Envoy may take for a change, or to come back before it takes one."""
_TRIED_AGAIN_S: Final = 1.0
_RARELY: Final = 32
"""Tries at most so far apart, in turns: a log says each."""
_NUMBERS: Final = rf"\.(version_text|update_rejected)$|^({resources.WARMING}|{resources.ACTIVE})$"

log = logging.getLogger(__name__)


class _Taken(Enum):
    """What Envoy made of a file."""

    TAKEN = "taken"
    REFUSED = "refused, at least a part of it"
    LATE = "not looked at in time"


@dataclass
class _Table:
    """A part of Envoy's configuration, in a file.

    Attributes:
        name: what Envoy counts its updates under.
        made: makes its resources of the entrances.
        written: those that are in the file; None: there is none, or it is to be written again.
    """

    name: str
    file: str
    made: Callable[[Sequence[Entrance]], list[Any]]
    written: list[Any] | None = None
    version: int = 0

    def without(self, wanted: Sequence[Any]) -> list[Any]:
        """What is in the file, and is not wanted any more."""
        names = {one["name"] for one in wanted}
        return [one for one in self.written or () if one["name"] not in names]


class Edge:
    """The edge. Its methods may be called from any thread.

    Envoy's configuration is in a folder in memory, for certificates' keys are in it. Each file is moved into
    place as a whole, and Envoy reads it again by itself.

    Args:
        binary: Envoy's executable.
        data: localcloud's data folder.
        credentials: this machine's among those of the replicas; None: no service has any.
        log: gets a line for each call; None: there is none.

    Raises:
        StartError: the folder cannot be made, or the log cannot be written.
    """

    def __init__(
        self, binary: Path, data: Path, credentials: Credentials | None = None, log: Path | None = None
    ) -> None:
        self._log = None if log is None else _appendable(log)
        memory.forget(data, _PURPOSE)
        try:
            self._folder = memory.make(data, _PURPOSE)
        except OSError as error:
            raise StartError(
                f"The edge's certificates cannot be kept in memory ({error.strerror}: {error.filename}): "
                "have $RUNTIME_DIRECTORY name a folder of a file system in memory."
            ) from None
        self._admin = Admin(resources.admin_socket(self._folder))
        bootstrap = self._folder / "bootstrap.json"
        write_private(bootstrap, json.dumps(resources.bootstrap(self._folder)).encode())
        if credentials is not None:
            for path, found in upstreams.secrets(credentials, self._folder).items():
                write_private(path, json.dumps({"resources": found}).encode())
        # One thread is enough for what a machine's other cores can compute; where others do, it may have all.
        threads = 1 if credentials is None else len(os.sched_getaffinity(0))
        self._envoy = Envoy(binary, bootstrap, self._admin, threads)
        self._applying = threading.RLock()  # held while Envoy is told of a change
        self._lock = threading.Lock()
        self._entrances: dict[str, Entrance] = {}  # the oldest first
        self._reserved: dict[str, Entrance] = {}  # not there yet, and their places are theirs
        self._clusters = _Table(resources.CLUSTERS, resources.CLUSTERS_FILE, self._made_clusters)
        self._routes = _Table(resources.ROUTES, resources.ROUTES_FILE, resources.routes)
        self._listeners = _Table(resources.LISTENERS, resources.LISTENERS_FILE, self._made_listeners)
        self._tables = (self._clusters, self._routes, self._listeners)
        self._sockets = self._tried = 0
        self._runs = False
        self._ends = ExitStack()

    def start(self) -> None:
        """Starts Envoy with the entrances that there are, and returns when it listens.

        Raises:
            StartError: it does not come up.
        """
        with self._applying:
            for table in self._tables:
                self._write(table, table.made(self._shown()))
            self._envoy.start()
            self._runs = True
            for name, reason in self._refusals().items():
                log.warning("the edge does not listen at %s: %s", name, reason)
        self._ends.enter_context(every(_TRIED_AGAIN_S, self._try_again, thread="edge"))

    def status(self) -> EdgeStatus:
        """The status as it is now."""
        return EdgeStatus(ENVOY, self._envoy.version, self._envoy.pid, self._envoy.restarts)

    def handed_on(self) -> HandedOn:
        """The calls that replicas had.

        Raises:
            OSError: Envoy does not tell them now.
        """
        return calls.read(self._admin.numbers(calls.PATTERN), self._admin.clusters())

    def inner(self) -> UnixSocket:
        """A new socket for a service's own server: this process and its child alone get there."""
        with self._lock:
            self._sockets += 1
            return UnixSocket(str(self._folder / f"service-{self._sockets}.sock"))

    def place(self, service_id: str, tls: TlsMaterial | None, another: Callable[[], Endpoint]) -> Endpoint:
        """The place of a new service: the first one where its callers can be told apart; it is kept for it.

        Args:
            another: gives one where nothing is yet.
        """
        with self._lock:
            others = [*self._entrances.values(), *self._reserved.values()]
            for endpoint in dict.fromkeys(one.endpoint for one in others):
                wanted = Entrance(service_id, endpoint, tls, UnixSocket(""))
                if obstacle(wanted, others) is None:
                    break
            else:
                wanted = Entrance(service_id, another(), tls, UnixSocket(""))
            self._reserved[service_id] = wanted
            return wanted.endpoint

    def show(
        self,
        service_id: str,
        endpoint: Endpoint,
        tls: TlsMaterial | None,
        inner: UnixSocket,
        upstream: Upstream | None = None,
    ) -> None:
        """Has Envoy take a service's calls at an endpoint from now on, and returns when it does.

        Args:
            tls: what is shown there; None: SSL is off.
            inner: where its own server listens.
            upstream: its replicas; None: its own server answers all calls.

        Raises:
            BindError: its address is taken, or callers could not be told from another service's; what was
                there before stays.
        """
        entrance = Entrance(service_id, endpoint, tls, inner, upstream)
        with self._applying:
            with self._lock:
                before, there = dict(self._entrances), list(self._entrances.values())
                reason = obstacle(entrance, [*there, *self._reserved.values()])
            if reason is not None:
                raise BindError(f"The service cannot answer at {entrance.endpoint.target}: {reason}")
            if not any(one.endpoint == entrance.endpoint for one in there):
                # the Envoy of a localcloud that was just killed is about to let go of it
                until(lambda: bind_problem(entrance.endpoint) is None, 0 if self._runs else RELEASE_TIMEOUT_S)
                problem = bind_problem(entrance.endpoint)
                if problem is not None:
                    where = entrance.endpoint.target
                    raise BindError(f"The service's address {where} cannot be bound: {problem}.")
            with self._lock:
                self._entrances[entrance.service_id] = entrance
                self._reserved.pop(entrance.service_id, None)
            try:
                self._apply(*self._tables, endpoint=entrance.endpoint)
            except BindError:
                with self._lock:
                    self._entrances = before
                with suppress(BindError):
                    self._apply(*self._tables)
                raise

    def follow(self, service_id: str, upstream: Upstream | None) -> None:
        """Has calls go to other replicas, or need other keys, from now on, and returns when they do.

        Nothing happens where the service is not shown. An Envoy that does not take other keys in time is
        ended, and another begins with them: one that was taken back opens nothing.

        Raises:
            BindError: Envoy does not take it; it will when it can.
        """
        with self._applying:
            with self._lock:
                entrance = self._entrances.get(service_id)
                if entrance is None:
                    return
                self._entrances[service_id] = replace(entrance, upstream=upstream)
            try:
                self._apply(self._clusters, self._routes)
            except BindError:
                if _keys(upstream) != _keys(entrance.upstream):
                    self._envoy.kill()
                raise

    def hide(self, service_id: str) -> None:
        """Takes no new connection for a service any more; who is connected is told to go."""
        with self._applying:
            with self._lock:
                self._reserved.pop(service_id, None)
                is_there = self._entrances.pop(service_id, None) is not None
            if is_there:
                with suppress(BindError):  # the log has it, and it goes when Envoy can take it
                    # calls that go on need its servers until they have ended
                    self._apply(self._listeners)

    def settle(self) -> None:
        """Forgets services that were hidden, and whose own servers have ended."""
        with self._applying, suppress(BindError):
            self._apply(*self._tables)

    def close_ports(self) -> None:
        """Listens nowhere any more; calls over the connections that there are go on."""
        if self._envoy.pid is not None:
            try:
                self._admin.close_ports()
            except OSError as error:
                log.warning("the edge could not be told to end: %s", error)

    def stop(self) -> None:
        """Ends Envoy; it cannot be used afterwards. May be called twice."""
        self._ends.close()
        self._envoy.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _made_clusters(self, entrances: Sequence[Entrance]) -> list[Any]:
        return resources.clusters(entrances, self._folder)

    def _made_listeners(self, entrances: Sequence[Entrance]) -> list[Any]:
        return resources.listeners(entrances, self._folder, self._log)

    def _shown(self) -> list[Entrance]:
        with self._lock:
            return list(self._entrances.values())

    def _apply(self, *tables: _Table, endpoint: Endpoint | None = None) -> None:
        """Has Envoy take the entrances as they are, table by table.

        What others name comes before them, and goes behind them: no call finds that its server is not there.

        Args:
            endpoint: one that must be listened on.

        Raises:
            BindError: it is not, or Envoy does not take the change.
        """
        if not self._runs:
            return  # it starts with what there is by then
        entrances, left = self._shown(), False
        for table in tables:
            wanted = table.made(entrances)
            gone = table.without(wanted) if table is self._clusters else []
            left = left or bool(gone)
            self._require_taken(self._hand_over(table, [*wanted, *gone]), table, endpoint)
        if left:
            self._require_taken(
                self._hand_over(self._clusters, self._clusters.made(entrances)), self._clusters, endpoint
            )

    def _require_taken(self, taken: _Taken, table: _Table, endpoint: Endpoint | None) -> None:
        if taken is _Taken.LATE:
            log.warning("the edge has not taken a change within %g s", _TAKEN_S)
            raise BindError(f"The edge does not take the change within {_TAKEN_S:g} s: see the log.")
        if taken is _Taken.REFUSED and table is not self._listeners:
            raise BindError("The edge refuses the change: see the log.")
        if taken is _Taken.REFUSED and endpoint is not None:
            refusal = self._refusals().get(endpoint.target)
            if refusal is not None:
                raise BindError(f"The service's address {endpoint.target} cannot be bound: {refusal}.")

    def _hand_over(self, table: _Table, content: list[Any]) -> _Taken:
        """Writes a table that has changed, and waits until Envoy has looked at it."""
        refused = f"{table.name}.update_rejected"
        before = self._numbers()
        if not self._write(table, content):
            return _Taken.TAKEN
        if table is self._routes and before.get(resources.ACTIVE) == "0":
            return _Taken.TAKEN  # it is read with the first listener
        found = _Taken.LATE

        def has_looked() -> bool:
            nonlocal found
            told = self._numbers()
            if told.get(f"{table.name}.version_text") == str(table.version):
                # calls of a service whose replicas were not looked at yet would fail
                is_ready = table is not self._clusters or told.get(resources.WARMING) == "0"
                found = _Taken.TAKEN if is_ready else _Taken.LATE
            elif told.get(refused, before.get(refused)) != before.get(refused):
                found = _Taken.REFUSED
            return found is not _Taken.LATE

        if self._envoy.wait_until_ready(_TAKEN_S):
            until(has_looked, _TAKEN_S)
        return found

    def _write(self, table: _Table, content: list[Any]) -> bool:
        """Moves a table's file into place, unless it says the same: whether it did."""
        if table.written == content:
            return False
        table.version += 1
        told = {"version_info": str(table.version), "resources": content}
        write_private(self._folder / table.file, json.dumps(told).encode())
        table.written = content
        return True

    def _try_again(self) -> None:
        """Has Envoy listen where something else did when it came up, with growing pauses."""
        table = self._listeners
        told = self._numbers().get(f"{table.name}.version_text")
        if told is None or not self._applying.acquire(blocking=False):
            return
        try:
            if told == str(table.version):
                self._tried = 0
                return
            self._tried += 1
            if self._tried & (self._tried - 1) and self._tried % _RARELY:
                return
            content, table.written = table.written, None
            if content is not None and self._hand_over(table, content) is _Taken.TAKEN:
                log.warning("the edge listens at all its addresses again")
        finally:
            self._applying.release()

    def _numbers(self) -> dict[str, str]:
        """The versions that Envoy has, and the counts of what it refused; none while it does not answer."""
        try:
            return self._admin.numbers(_NUMBERS)
        except OSError:
            return {}

    def _refusals(self) -> dict[str, str]:
        try:
            return self._admin.refusals()
        except OSError:
            return {}


def _appendable(path: Path) -> Path:
    """An absolute path of a file to which lines can be added; it is its owner's alone where it is new.

    Raises:
        StartError: it is not.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as error:
        raise StartError(f"The edge's calls cannot be logged in {path}: {error.strerror}.") from None
    return path.absolute()


def _keys(upstream: Upstream | None) -> tuple[str, str] | None:
    return None if upstream is None else upstream.keys


def of(settings: Settings) -> Edge | None:
    """The edge that settings ask for; None: none.

    Raises:
        StartError: it cannot keep its files.
    """
    executable = settings.envoy or binary.installed()
    if settings.edge is None or executable is None:
        return None
    return Edge(executable, settings.data, asked.credentials(settings), settings.edge_access_log)
