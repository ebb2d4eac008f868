"""The edge: one Envoy before the services' own servers, which has one address for all where it can."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

from localcloud.datafolder import memory
from localcloud.edge import ENVOY, binary, resources, upstreams
from localcloud.edge.admin import Admin
from localcloud.edge.entrance import Entrance, Upstream, obstacle
from localcloud.edge.envoy import Envoy
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.placing.credentials import Credentials
from localcloud.ports import RELEASE_TIMEOUT_S
from localcloud.scoring.addresses import Endpoint, UnixSocket, bind_problem
from localcloud.scoring.errors import BindError
from localcloud.scoring.tls import TlsMaterial
from localcloud.settings import Settings
from localcloud.status import EdgeStatus
from localcloud.waiting import until

_PURPOSE: Final = "edge"
_TAKEN_S: Final = 20.0
"""How long Envoy may take for a change, or to come back before it takes one."""
_NUMBERS: Final = rf"\.(version_text|update_rejected)$|^{resources.WARMING}$"

log = logging.getLogger(__name__)


class _Taken(Enum):
    """What Envoy made of a file."""

    TAKEN = "taken"
    REFUSED = "refused, at least a part of it"
    LATE = "not looked at in time"


class Edge:
    """The edge. Its methods may be called from any thread.

    Envoy's configuration is in a folder in memory, for certificates' keys are in it. Each file is moved into
    place as a whole, and Envoy reads it again by itself.

    Args:
        binary: Envoy's executable.
        data: localcloud's data folder.
        credentials: this machine's among those of the replicas; None: no service has any.

    Raises:
        StartError: the folder cannot be made.
    """

    def __init__(self, binary: Path, data: Path, credentials: Credentials | None = None) -> None:
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
        self._envoy = Envoy(binary, bootstrap, self._admin)
        self._applying = threading.RLock()  # held while Envoy is told of a change
        self._lock = threading.Lock()
        self._entrances: dict[str, Entrance] = {}  # the oldest first
        self._reserved: dict[str, Entrance] = {}  # not there yet, and their places are theirs
        self._written: dict[str, list[Any]] = {}  # by the file's name
        self._version = self._sockets = 0
        self._runs = False

    def start(self) -> None:
        """Starts Envoy with the entrances that there are, and returns when it listens.

        Raises:
            StartError: it does not come up.
        """
        with self._applying:
            self._apply(None)
            self._envoy.start()
            self._runs = True
            for name, reason in self._refusals().items():
                log.warning("the edge does not listen at %s: %s", name, reason)

    def status(self) -> EdgeStatus:
        """The status as it is now."""
        return EdgeStatus(ENVOY, self._envoy.version, self._envoy.pid, self._envoy.restarts)

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
                self._apply(entrance.endpoint)
            except BindError:
                with self._lock:
                    self._entrances = before
                self._apply(None)
                raise

    def follow(self, service_id: str, upstream: Upstream | None) -> None:
        """Has calls go to other replicas, or need other keys, from now on, and returns when they do.

        Nothing happens where the service is not shown.

        Raises:
            BindError: Envoy does not take it; it will when it can.
        """
        with self._applying:
            with self._lock:
                entrance = self._entrances.get(service_id)
                if entrance is None:
                    return
                self._entrances[service_id] = replace(entrance, upstream=upstream)
            self._apply(entrance.endpoint)

    def hide(self, service_id: str) -> None:
        """Takes no new connection for a service any more; who is connected is told to go."""
        with self._applying:
            with self._lock:
                self._reserved.pop(service_id, None)
                is_there = self._entrances.pop(service_id, None) is not None
            if is_there:
                self._apply(None, keeps_clusters=True)

    def settle(self) -> None:
        """Forgets services that were hidden, and whose own servers have ended."""
        with self._applying:
            self._apply(None)

    def close_ports(self) -> None:
        """Listens nowhere any more; calls over the connections that there are go on."""
        if self._envoy.pid is not None:
            try:
                self._admin.close_ports()
            except OSError as error:
                log.warning("the edge could not be told to end: %s", error)

    def stop(self) -> None:
        """Ends Envoy; it cannot be used afterwards. May be called twice."""
        self._envoy.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _apply(self, endpoint: Endpoint | None, *, keeps_clusters: bool = False) -> None:
        """Has Envoy take the entrances as they are: what a listener names before the listeners.

        Args:
            endpoint: the one that is changed; it must be listened on.
            keeps_clusters: calls that go on still need servers whose entrances are gone.

        Raises:
            BindError: it is not listened on.
        """
        self._version += 1
        with self._lock:
            entrances, version = list(self._entrances.values()), self._version
        if not keeps_clusters:
            found = resources.clusters(entrances, version, self._folder)
            self._hand_over(resources.CLUSTERS, "clusters.json", found)
        taken = self._hand_over(
            resources.LISTENERS, "listeners.json", resources.listeners(entrances, version)
        )
        if taken is _Taken.LATE:
            log.warning("the edge has not taken a change within %g s", _TAKEN_S)
            if endpoint is not None:
                raise BindError(f"The edge does not take the change within {_TAKEN_S:g} s: see the log.")
        elif taken is _Taken.REFUSED and endpoint is not None:
            refusal = self._refusals().get(endpoint.target)
            if refusal is not None:
                raise BindError(f"The service's address {endpoint.target} cannot be bound: {refusal}.")

    def _hand_over(self, name: str, file: str, content: dict[str, Any]) -> _Taken:
        """Writes a file that has changed, and waits until Envoy has looked at it.

        Args:
            name: what Envoy counts the updates of the file under.
        """
        refused = f"{name}.update_rejected"
        before = self._numbers().get(refused) if self._runs else None
        if not self._write(self._folder / file, content) or not self._runs:
            return _Taken.TAKEN
        found = _Taken.LATE

        def has_looked() -> bool:
            nonlocal found
            told = self._numbers()
            # calls of a service whose replicas were not looked at yet would fail
            if told.get(f"{name}.version_text") == content["version_info"]:
                found = _Taken.TAKEN if told.get(resources.WARMING) == "0" else _Taken.LATE
            elif told.get(refused, before) != before:
                found = _Taken.REFUSED
            return found is not _Taken.LATE

        if self._envoy.wait_until_ready(_TAKEN_S):
            until(has_looked, _TAKEN_S)
        return found

    def _write(self, path: Path, content: dict[str, Any]) -> bool:
        """Moves a file into place, unless it says the same: whether it did."""
        if self._written.get(path.name) == content["resources"]:
            return False
        write_private(path, json.dumps(content).encode())
        self._written[path.name] = content["resources"]
        return True

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


def of(settings: Settings) -> Edge | None:
    """The edge that settings ask for; None: none.

    Raises:
        StartError: it cannot keep its files.
    """
    executable = settings.envoy or binary.installed()
    return None if settings.edge is None or executable is None else Edge(executable, settings.data)
