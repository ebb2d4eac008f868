"""A fleet of edges and replicas, call by call: who waits for whom, and what a machine that is lost costs.

Calls come at random (Poisson), each to an edge at random: callers spread over A records. An edge takes one
call after another on its one core, and gives each to the one of two replicas, taken at random, that has fewer
of its own calls under way, as Envoy's least-request balancing does: an edge knows nothing of the others'
calls. A replica answers one after another on each of its cores. The answer's way back costs the edge nothing
more: its cost of a call is all at the call's coming.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_OUT, _DONE, _GIVEN_UP = range(3)


@dataclass(frozen=True)
class Fleet:
    """The machines, and what a call costs them.

    Attributes:
        edges: how many; each has one core.
        replicas: how many.
        edge_s: of an edge's core for a call.
        replica_s: of a replica's core for a call.
        cores: of a replica.
        wire_s: of the network for a call, there and back.
        varies: whether a replica's cost is exponentially distributed about `replica_s`; else it is the same.
    """

    edges: int
    replicas: int
    edge_s: float
    replica_s: float
    cores: int = 1
    wire_s: float = 0.0
    varies: bool = False

    @property
    def capacity(self) -> float:
        """The calls a second that replicas answer at most."""
        return self.replicas * self.cores / self.replica_s

    @property
    def edge_capacity(self) -> float:
        """The calls a second that edges hand on at most; without end where they cost nothing."""
        return self.edges / self.edge_s if self.edge_s else float("inf")


@dataclass(frozen=True)
class Lost:
    """A machine that is lost while calls come.

    Attributes:
        at_s: when.
        replicas: how many are on it: the first ones; they answer nothing from then on.
        found_s: how long an edge waits for one of them before it gives the call to another.
        edges: how many edges are on it: the first ones. Calls under way there fail; later ones, of callers
            that were there, come to another edge after `reconnect_s`.
        reconnect_s: how long such a caller takes to be at another edge.
    """

    at_s: float
    replicas: int = 0
    found_s: float = 0.0
    edges: int = 0
    reconnect_s: float = 0.0


@dataclass
class Outcome:
    """The answers to calls.

    Attributes:
        took_s: seconds from a call's coming to its answer, in the order of answers.
        ended_s: when the last one was answered.
        failed: how many were not.
        delayed: how many waited for a replica that was lost.
    """

    took_s: list[float] = field(default_factory=list)
    ended_s: float = 0.0
    failed: int = 0
    delayed: int = 0

    def percentile(self, part: float) -> float:
        """The seconds within which that part of the calls is answered.

        The first fifth is left out, for all was idle then.
        """
        ordered = sorted(self.took_s[len(self.took_s) // 5 :])
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    @property
    def calls_per_s(self) -> float:
        """Answers a second."""
        return len(self.took_s) / self.ended_s


def run(fleet: Fleet, calls_per_s: float, calls: int, seed: int = 1, lost: Lost | None = None) -> Outcome:
    """The outcome of so many calls that come at that rate."""
    return _Run(fleet, random.Random(seed), lost).outcome(calls_per_s, calls)  # noqa: S311 - no secret


class _Run:
    def __init__(self, fleet: Fleet, chance: random.Random, lost: Lost | None) -> None:
        self._fleet, self._chance, self._lost = fleet, chance, lost
        self._edge_free = [0.0] * fleet.edges
        self._core_free = [[0.0] * fleet.cores for _ in range(fleet.replicas)]
        # of each edge, its own calls under way at each replica; and the replicas that it no longer asks
        self._under_way = [[0] * fleet.replicas for _ in range(fleet.edges)]
        self._known_lost: list[set[int]] = [set() for _ in range(fleet.edges)]
        self._events: list[tuple[float, int, int, int, float, int]] = []
        self._number = 0
        self._outcome = Outcome()

    def outcome(self, calls_per_s: float, calls: int) -> Outcome:
        clock = 0.0
        handlers: Sequence[Callable[[float, int, float, int], None]] = (self._out, self._done, self._give_up)
        for _ in range(calls):
            clock += self._chance.expovariate(calls_per_s)
            self._until(clock, handlers)
            self._come(clock)
        self._until(float("inf"), handlers)
        return self._outcome

    def _until(self, clock: float, handlers: Sequence[Callable[[float, int, float, int], None]]) -> None:
        events = self._events
        while events and events[0][0] <= clock:
            now, _, kind, edge, began, replica = heapq.heappop(events)
            handlers[kind](now, edge, began, replica)

    def _push(self, when: float, kind: int, edge: int, began: float, replica: int = -1) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, kind, edge, began, replica))

    def _come(self, began: float) -> None:
        """A call comes to an edge, which has it for `edge_s` when those before are through."""
        edge, arrives = self._chance.randrange(self._fleet.edges), began + self._fleet.wire_s
        lost = self._lost
        if lost is not None and edge < lost.edges and arrives >= lost.at_s:
            # whoever was connected there comes to another one, when the loss is found
            arrives = max(arrives, lost.at_s + lost.reconnect_s)
            edge = self._chance.randrange(lost.edges, self._fleet.edges)
        self._edge_free[edge] = max(self._edge_free[edge], arrives) + self._fleet.edge_s
        self._push(self._edge_free[edge], _OUT, edge, began)

    def _out(self, now: float, edge: int, began: float, _replica: int) -> None:
        """An edge gives a call to a replica."""
        if self._is_cut(now, edge):
            self._outcome.failed += 1
            return
        replica = self._choose(edge)
        under_way, lost = self._under_way[edge], self._lost
        under_way[replica] += 1
        if lost is not None and replica < lost.replicas and now >= lost.at_s:
            found = lost.at_s + lost.found_s
            self._push(max(now, found), _GIVEN_UP, edge, began, replica)
            return
        cores = self._core_free[replica]
        free = heapq.heappop(cores)
        cost = self._fleet.replica_s
        done = max(now, free) + (self._chance.expovariate(1 / cost) if self._fleet.varies else cost)
        heapq.heappush(cores, done)
        self._push(done, _DONE, edge, began, replica)

    def _done(self, now: float, edge: int, began: float, replica: int) -> None:
        """A replica has answered, unless it was lost meanwhile."""
        lost = self._lost
        if lost is not None and replica < lost.replicas and now >= lost.at_s:
            self._push(lost.at_s + lost.found_s, _GIVEN_UP, edge, began, replica)
            return
        self._under_way[edge][replica] -= 1
        if self._is_cut(now, edge):
            self._outcome.failed += 1
            return
        self._outcome.took_s.append(now - began)
        self._outcome.ended_s = now

    def _give_up(self, now: float, edge: int, began: float, replica: int) -> None:
        """An edge has found a replica silent, and gives its call to another."""
        self._known_lost[edge].add(replica)
        self._under_way[edge][replica] -= 1
        self._outcome.delayed += 1
        self._out(now, edge, began, replica)

    def _is_cut(self, now: float, edge: int) -> bool:
        lost = self._lost
        return lost is not None and edge < lost.edges and now >= lost.at_s

    def _choose(self, edge: int) -> int:
        under_way, avoided = self._under_way[edge], self._known_lost[edge]
        one, other = self._any(avoided), self._any(avoided)
        return one if under_way[one] <= under_way[other] else other

    def _any(self, avoided: set[int]) -> int:
        while True:
            found = int(self._chance.random() * self._fleet.replicas)
            if found not in avoided:
                return found
