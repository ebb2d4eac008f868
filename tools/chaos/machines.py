"""Failures on machines of their own: what callers see while one part after another dies, and comes back."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from localcloud.status import EdgeStatus
from tests.support.cluster import Node
from tests.support.machines import needs_machines
from tests.support.waiting import PATIENCE_S, wait_until
from tools.chaos.cluster import memory, scene
from tools.chaos.cluster.callers import Call
from tools.chaos.cluster.scene import Scene
from tools.chaos.table import LeftOut, Progress, Table

SLOWEST_S: Final = 5.0
LONGEST_S: Final = 240.0
MOST_MEMORY: Final = 2_500_000_000
COLUMNS: Final = (
    "what happens",
    "calls",
    "failed",
    "slowest, s",
    "what localcloud says",
    "as before after, s",
)
REPLICAS: Final = 3
_LOOK_INTERVAL_S: Final = 0.5

_HEAD, _RAYLET, _KEEPER = "/gcs_server", "/raylet", "localcloud.cluster.node"
"""Ends a part of the command lines of Ray's head, of what keeps a node's workers, and of what keeps Ray."""

_CUT: Final = re.compile(r"Stream removed|Socket closed|recvmsg:|sendmsg:")
"""Begins gRPC's words for a connection that ended with a call on it; a proxy's own begin otherwise."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of an event.

    Attributes:
        told: what localcloud says of it.
        back_s: when all was as before, or as it is wanted.
        is_cut: whether callers lost their connections: a call that was handed to one has failed.
    """

    told: str
    back_s: float
    is_cut: bool = False


def model_swapped(at: Scene) -> Outcome:
    """The service gets another model."""
    at.answer = 1 - at.answer
    state = at.update()
    since_s = time.monotonic()
    at.callers.let_each_be_answered(since_s, answer=at.answer)
    stale = [call for call in at.callers.since(0) if call.began_s > since_s and call.answer == 1 - at.answer]
    told = f"operation: {state}"
    return Outcome(f"{told}, {len(stale)} answers of the old model behind it" if stale else told, since_s)


def scaled(at: Scene) -> Outcome:
    """The service gets more replicas."""
    at.replicas = REPLICAS
    state = at.update()
    return Outcome(f"operation: {state}", _settled(at, set()).back_s)


def replica_killed(at: Scene) -> Outcome:
    """The process of a replica is killed."""
    node = _busiest(at)
    gone = node.workers("Replica")[0]
    os.kill(gone, signal.SIGKILL)
    return _settled(at, {gone})


def node_silent(at: Scene) -> Outcome:
    """No packet reaches a node any more, or leaves it: the one with most replicas."""
    node = _busiest(at)
    gone = set(node.workers("Replica"))
    node.silence()
    at.joined -= 1
    outcome = _settled(at, gone)
    node.speak()
    at.joined += 1
    _settled(at, gone)  # it has joined again by itself
    return outcome


def raylet_killed(at: Scene) -> Outcome:
    """Ray's process on the node that has all replicas is killed, and they die with it."""
    node = _busiest(at)
    gone = set(node.workers("Replica"))
    node.kill_raylet()
    return _settled(at, gone)


def head_killed(at: Scene) -> Outcome:
    """The process is killed by which nodes know each other."""
    (gone,) = _processes(at.cluster.head, _HEAD)
    os.kill(gone, signal.SIGKILL)
    _await(lambda: bool(set(_processes(at.cluster.head, _HEAD)) - {gone}))
    return _settled(at, set())


def ray_gone(at: Scene) -> Outcome:
    """Ray is ended on all machines, and nobody starts it again."""
    for node in (*at.nodes, at.cluster.head):
        for keeper in _processes(node, _KEEPER):
            os.kill(keeper, signal.SIGKILL)
        _await(lambda node=node: not _processes(node, _RAYLET))  # type: ignore[misc]
    back_s = at.callers.let_each_be_answered(time.monotonic(), answer=at.answer)
    _await(lambda: not at.is_connected())
    return Outcome(at.says()[0] or "nothing", back_s)


def envoy_killed(at: Scene) -> Outcome:
    """Envoy is killed, and started again by localcloud."""
    before = _edge(at)
    assert before.pid is not None  # noqa: S101 - it runs
    os.kill(before.pid, signal.SIGKILL)
    gone_s = _gone(before.pid)
    wait_until(lambda: _edge(at).pid not in (None, before.pid))
    back_s = at.callers.let_each_be_answered(gone_s)
    return Outcome(f"edge: {_edge(at).restarts - before.restarts} restart", back_s, is_cut=True)


def localcloud_killed(at: Scene) -> Outcome:
    """localcloud is killed, and started again at once, as by its unit."""
    edge = _edge(at).pid
    assert edge is not None  # noqa: S101 - it runs
    at.victim.kill(whole=False, waits=False)
    gone_s = _gone(edge)
    at.meet(at.victim.start())
    back_s = at.callers.let_each_be_answered(gone_s)
    return Outcome(f"service: {at.plane.service(at.service_id)['state']}", back_s, is_cut=True)


EVENTS: Final[dict[str, Callable[[Scene], Outcome]]] = {
    "the model is swapped": model_swapped,
    f"replicas go from 1 to {REPLICAS}": scaled,
    "a replica is killed": replica_killed,
    "a node goes silent": node_silent,
    "the raylet is killed of the node with all replicas": raylet_killed,
    "Ray's head is killed": head_killed,
    "Envoy is killed": envoy_killed,
    "localcloud is killed, and started again": localcloud_killed,
    "Ray is gone for good": ray_gone,
}


def measure(_seconds: float, progress: Progress) -> Table:
    """Each event once, in this order, while eight callers call.

    Raises:
        LeftOut: this machine cannot have machines of its own.
    """
    if needs_machines.args[0]:
        raise LeftOut(needs_machines.kwargs["reason"])
    table, began_s = Table(COLUMNS), time.monotonic()
    try:
        with memory.watched() as peak, scene.made() as at:
            peak.machines = [at.cluster.head.machine, *(node.machine for node in at.nodes)]
            progress("the machines are there")
            for name, event in EVENTS.items():
                table.rows.append(_row(at, name, event, table))
                progress(f"{name}: {table.rows[-1][1:]}, {peak.size / 1e9:.2f} GB")
    except pytest.skip.Exception as reason:
        raise LeftOut(str(reason)) from None
    took_s = time.monotonic() - began_s
    table.note = f", with {peak.size / 1e9:.2f} GB of memory at most on all machines together"
    if took_s > LONGEST_S:
        table.late.append(f"it took {took_s:.0f} s, and {LONGEST_S:g} s at most")
    if peak.size > MOST_MEMORY:
        table.broken.append(f"the machines had {peak.size:,} bytes, and {MOST_MEMORY:,} at most")
    return table


def _row(at: Scene, name: str, event: Callable[[Scene], Outcome], table: Table) -> list[Any]:
    number = at.callers.number()
    at.callers.let_each_be_answered(time.monotonic())
    began_s = time.monotonic()
    outcome = event(at)
    at.callers.let_each_be_answered(time.monotonic())
    calls = at.callers.since(number)
    failed = [call for call in calls if call.code != "OK"]
    cut = _cut(failed) if outcome.is_cut else []
    table.broken += [f"{name}: {_words(call, began_s)}" for call in failed if call not in cut]
    slowest_s = max(call.took_s for call in calls)
    if slowest_s >= SLOWEST_S:
        table.late.append(
            f"{name}: the slowest call took {slowest_s:.1f} s, and less than {SLOWEST_S:g} s is promised"
        )
    return [name, len(calls), len(failed), slowest_s, outcome.told, max(0.0, outcome.back_s - began_s)]


def _cut(failed: Sequence[Call]) -> list[Call]:
    """The calls that were under way over connections that ended: one of each caller at most, who has one."""
    firsts: dict[int, Call] = {}
    for call in failed:
        firsts.setdefault(call.caller, call)
    return [call for call in firsts.values() if call.code == "UNAVAILABLE" and _CUT.match(call.words)]


def _words(call: Call, since_s: float) -> str:
    return f"a call failed {call.ended_s - since_s:.2f} s behind it: {call.code}: {call.words}"


def _settled(at: Scene, gone: set[int]) -> Outcome:
    """Waits until all is as it is wanted: with the first that localcloud says of anything else.

    Args:
        gone: the numbers of replicas' processes that are none any more.
    """
    told: list[str] = []

    def is_settled() -> bool:
        words, have = at.says()
        if words is not None:
            told.append(words)
        return words is None and len(at.workers() - gone) == have

    _await(is_settled)
    return Outcome(told[0] if told else "nothing", time.monotonic())


def _await(holds: Callable[[], bool]) -> None:
    """Looks twice a second until it holds: what is measured is not to be kept from its work.

    Raises:
        AssertionError: it does not in time.
    """
    ends_s, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not holds():
        assert time.monotonic() < ends_s, "it did not become true in time"  # noqa: S101
        pause.wait(_LOOK_INTERVAL_S)


def _busiest(at: Scene) -> Node:
    return max(at.nodes, key=lambda node: len(node.workers("Replica")))


def _processes(node: Node, word: str) -> list[int]:
    return [pid for pid, line in node.processes() if any(part.endswith(word) for part in line)]


def _edge(at: Scene) -> EdgeStatus:
    found = at.status().edge
    assert found is not None  # noqa: S101 - it has one
    return found


def _gone(pid: int) -> float:
    """Waits until a process is gone: when it was."""
    wait_until(lambda: not _runs(pid))
    return time.monotonic()


def _runs(pid: int) -> bool:
    """Whether there is such a process that has not ended with all its threads (proc_pid_stat(5))."""
    process = Path(f"/proc/{pid}")
    try:
        ended = process.joinpath("stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
        return not ended or len(list(process.joinpath("task").iterdir())) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False
