"""`python -m localcloud.placing.driver`: the Ray driver, a child of localcloud's (`child`), which knows Ray.

It says what it sees each turn, and ends with localcloud, where Ray does not answer for some time, and where
Ray ends it: replicas stay.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from localcloud.placing import schema, seen
from localcloud.placing.messages import Asked, Running, Told
from localcloud.scoring.addresses import Endpoint

_TURN_S: Final = 0.5
_REFRESH_S: Final = 5.0
"""After how long replicas are asked again that have all answered."""
_ANSWER_S: Final = 2.0
"""How long a replica may take to say where it listens."""
_ROOM_S: Final = 2.0
"""How old the numbers of nodes and places may be."""
_CALL_S: Final = 8.0
"""How long the controller of Ray Serve may take for an answer."""
_REFUSED_S: Final = 20.0
"""After how long a new driver tries to join a cluster that has refused this one."""
_LOST_S: Final = 15.0
"""After how long without any answer a new driver has to try it."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_FIRST_RETRY_S: Final = 15.0
_TOLD_AGAIN_S: Final = 2.0
"""After how long Ray Serve is told the same again, where it does not look as if it knew."""
_LONGEST_RETRY_S: Final = 300.0

log = logging.getLogger("driver")


class _Desk:
    """The newest message of localcloud; this process ends with the connection to it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._arrived = threading.Condition()
        self._asked: Asked | None = None
        threading.Thread(target=self._read, name="desk", daemon=True).start()

    def tell(self, told: Told) -> None:
        self._channel.sendall(told.line())

    def asked(self) -> Asked:
        """The newest message; waits for the first."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._asked is not None)
            assert self._asked is not None  # noqa: S101 - waited for
            return self._asked

    def wait_for_another(self, than: Asked, timeout_s: float) -> None:
        """Returns when there is another message, or time is up."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._asked is not than, timeout_s)

    def _read(self) -> None:
        with self._channel.makefile("rb") as lines:
            while (line := lines.readline()).endswith(b"\n"):
                asked = Asked.read(line)
                with self._arrived:
                    self._asked = asked
                    self._arrived.notify_all()
        os._exit(0)


class _Retries:
    """The times at which what failed is begun anew, behind growing pauses.

    Args:
        first_s: the first pause, in seconds.
    """

    def __init__(self, first_s: float) -> None:
        self._first_s = first_s
        self._due: dict[str, float] = {}
        self._pause_s: dict[str, float] = {}

    def are_due(self, failed: Iterable[str]) -> set[str]:
        """Those of the failed ones whose time has come; each is counted as tried."""
        now, found = time.monotonic(), set()
        for name in failed:
            pause_s = self._pause_s.setdefault(name, self._first_s)
            if now >= self._due.setdefault(name, now + pause_s):
                found.add(name)
                self._pause_s[name] = min(2 * pause_s, _LONGEST_RETRY_S)
                del self._due[name]
        return found

    def forget(self, name: str) -> None:
        """An application answers: the pauses begin anew."""
        self._due.pop(name, None)
        self._pause_s.pop(name, None)


class _Cluster:
    """Ray Serve on the cluster that this process has joined as a driver.

    Args:
        asked: the message with the cluster's address.

    Raises:
        Exception: whatever Ray raises where it cannot be joined.
    """

    def __init__(self, asked: Asked) -> None:
        import ray

        ray.init(
            address=asked.address,
            _node_ip_address=asked.node,
            logging_level=logging.WARNING,
            log_to_driver=False,
        )
        from ray import serve
        from ray.serve.context import _get_global_client

        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        serve.start(proxy_location="Disabled")
        self._ray, self._serve = ray, serve
        self._controller = _get_global_client()._controller
        self._endpoints: dict[str, tuple[Endpoint, ...]] = {}
        self._known: dict[str, tuple[frozenset[str], float]] = {}
        """The replicas that have all answered, and when."""
        self._handles: dict[str, Any] = {}
        self._retries, self._untold = _Retries(_FIRST_RETRY_S), _Retries(_TOLD_AGAIN_S)
        self._configuration: dict[str, Any] = {}  # that Ray Serve was told last
        self._attempts: dict[str, int] = {}
        self._restarting: set[str] = set()
        self._nodes, self._places, self._counted = 0, (0, 0), 0.0

    def turn(self, asked: Asked) -> Told:
        """Has Ray Serve do what is asked for, and says how far it is.

        Raises:
            Exception: whatever Ray raises where it does not answer.
        """
        applications = self._call(self._controller.get_serve_instance_details)["applications"]
        for name, endpoints in asked.known.items():
            self._endpoints.setdefault(name, endpoints)
        self._deploy(asked, applications)
        names = {one.application for one in asked.wanted}
        self._ask({name: applications[name] for name in names if seen.there(applications.get(name))})
        self._count()
        found = {}
        for one in asked.wanted:
            name, details = one.application, applications.get(one.application)
            if details is None or name in self._restarting:
                continue
            endpoints = seen.merged(
                self._endpoints.get(name, ()), (), [each["node_ip"] for each in seen.there(details)]
            )
            self._endpoints[name] = endpoints
            found[name] = seen.running(one, details, endpoints, self._places)
            if endpoints:
                self._retries.forget(name)
        for name in (set(self._handles) | set(self._endpoints)) - names:
            self._forget(name)
        for name in (set(asked.own) & set(applications)) - names:
            found[name] = Running()
        return Told(asked.number, True, None, self._nodes, found)

    def _deploy(self, asked: Asked, applications: Mapping[str, Any]) -> None:
        """Tells Ray Serve what is wanted, unless it was told already."""
        own = {*asked.own, *(one.application for one in asked.wanted)}
        others = schema.others(applications, own)
        if others is None:
            return  # it does not know them itself just now, and would end them
        wanted = [schema.application(one, asked.files) for one in asked.wanted]
        failed = {one["name"] for one in wanted if self._is_over(applications.get(one["name"]))}
        again = {name for name in failed if asked.attempts.get(name) != self._attempts.get(name)}
        self._attempts = dict(asked.attempts)
        self._restarting = (self._restarting & set(applications)) | self._retries.are_due(failed) | again
        # One that failed for good is ended, and begun anew in a turn to come: told the same again,
        # Ray Serve does nothing.
        wanted = [one for one in wanted if one["name"] not in self._restarting]
        gone = {
            name
            for name in own & set(applications)
            if name not in {one["name"] for one in wanted} and applications[name]["status"] != "DELETING"
        }
        if not gone and all(schema.is_deployed(one, applications) for one in wanted):
            self._untold.forget("")
            return
        configuration = schema.configuration(wanted, others)
        if configuration == self._configuration and not self._untold.are_due([""]):
            return  # it may take its time, and must not be told twice a second
        from ray.serve.schema import ServeDeploySchema

        self._call(self._controller.apply_config, ServeDeploySchema.model_validate(configuration))
        self._configuration = configuration

    @staticmethod
    def _is_over(details: Mapping[str, Any] | None) -> bool:
        return details is not None and details["status"] == "DEPLOY_FAILED" and not seen.there(details)

    def _ask(self, applications: Mapping[str, Any]) -> None:
        """Asks replicas where they listen: those of applications whose replicas are others than they were,
        and all from time to time.
        """
        now, asked, responses = time.monotonic(), [], []
        for name, details in applications.items():
            replicas = frozenset(one["replica_id"] for one in seen.there(details))
            known, when = self._known.get(name, (frozenset[str](), 0.0))
            if known == replicas and now < when + _REFRESH_S:
                continue
            if name not in self._handles:
                self._handles[name] = self._serve.get_deployment_handle(
                    schema.DEPLOYMENT, name, _check_exists=False
                )
            asked.append((name, replicas))
            responses.append(self._handles[name].broadcast("endpoint"))
        for (name, replicas), answers in zip(asked, asyncio.run(_gathered(responses)), strict=True):
            found = [Endpoint(str(one[0]), int(one[1])) for one in answers if isinstance(one, list | tuple)]
            addresses = [one["node_ip"] for one in seen.there(applications[name])]
            self._endpoints[name] = seen.merged(self._endpoints.get(name, ()), found, addresses)
            if len(found) == len(replicas):
                self._endpoints[name] = tuple(sorted(found))
                self._known[name] = replicas, now

    def _count(self) -> None:
        """Counts the nodes, and the places for replicas: free ones, and all."""
        from ray._private import state

        if time.monotonic() < self._counted + _ROOM_S:
            return
        alive = {node["NodeID"]: node["Resources"] for node in self._ray.nodes() if node["Alive"]}
        free = state.available_resources_per_node()
        self._nodes = len(alive)
        self._places = (
            sum(int(one.get("scoring", 0)) for node, one in free.items() if node in alive),
            sum(int(one.get("scoring", 0)) for one in alive.values()),
        )
        self._counted = time.monotonic()

    def _forget(self, name: str) -> None:
        self._endpoints.pop(name, None)
        self._known.pop(name, None)
        self._retries.forget(name)
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.shutdown()

    def _call(self, method: Any, *arguments: Any) -> Any:
        return self._ray.get(method.remote(*arguments), timeout=_CALL_S)


async def _gathered(responses: list[Any]) -> list[list[Any]]:
    """The answers to broadcasts, of each those that came in time."""
    found = await asyncio.gather(
        *(one.results_async(timeout_s=_ANSWER_S, return_exceptions=True) for one in responses),
        return_exceptions=True,
    )
    return [[] if isinstance(one, BaseException) else one for one in found]


def main() -> None:
    """Does not return."""
    channel = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:  # noqa: PTH123 - a descriptor alone
        os.dup2(nothing.fileno(), 0)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    desk = _Desk(channel)
    _reach(desk)
    try:
        cluster = _Cluster(desk.asked())
    except Exception as error:  # whatever of Ray's it is: the next process tries it anew
        asked, until = desk.asked(), time.monotonic() + _REFUSED_S
        refusal = f"The cluster at {asked.address} does not take this machine ({asked.node})"
        while time.monotonic() < until:
            desk.tell(Told(trouble=f"{refusal}: {_first_line(error)}"))
            time.sleep(_LONGEST_PAUSE_S)
        _end(_first_line(error))
    answered = time.monotonic()
    while True:
        asked = desk.asked()
        try:
            told = cluster.turn(asked)
            answered = time.monotonic()
        except Exception as error:  # as above
            if time.monotonic() - answered > _LOST_S:
                _end(f"Ray Serve has not answered for {_LOST_S:g} s: {_first_line(error)}")
            told = Told(trouble=f"Ray Serve of {asked.address} does not answer: {_first_line(error)}")
        desk.tell(told)
        desk.wait_for_another(asked, _TURN_S)


def _reach(desk: _Desk) -> None:
    """Returns once somebody listens at the head's address: Ray is not loaded for less."""
    pause_s = _FIRST_PAUSE_S
    while True:
        asked = desk.asked()
        host, _, port = asked.address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
        except OSError as error:
            reason = error.strerror or "it does not answer"
            desk.tell(Told(trouble=f"The cluster at {asked.address} cannot be reached ({reason})."))
        else:
            return
        desk.wait_for_another(asked, pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _end(reason: str) -> NoReturn:
    """Ends this process, with its last words: where its cluster is lost, Ray itself takes long over that."""
    log.error("%s", reason)
    os._exit(1)


def _first_line(error: BaseException) -> str:
    """The first line of an error's words.

    Ray has a class of its own for each, which is not imported here.
    """
    if type(error).__name__ == "GetTimeoutError":
        return f"it is silent for {_CALL_S:g} s"
    return (str(error).strip() or type(error).__name__).splitlines()[0][:400]


if __name__ == "__main__":
    main()
