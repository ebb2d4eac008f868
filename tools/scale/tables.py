"""The tables of docs/scale.md that tell of growth: what a call costs, fleets simulated, the next limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.bench.command import Progress
from tools.chaos.table import Table
from tools.scale import costs as known
from tools.scale.costs import Costs
from tools.scale.limits import RECORDS, Limits
from tools.scale.simulation import Fleet, Lost, Outcome, run

COSTS: Final = "What a call and a machine cost"
GROWTH: Final = "Growth, simulated"
LOSSES: Final = "A machine lost, simulated"
LIMITS: Final = "The next limits"
FLEETS: Final = ((10, 1), (10, 10), (100, 5), (100, 10), (1000, 50), (1000, 100))
LOADS: Final = (0.5, 0.7, 0.9)
_CALLS_OF_A_REPLICA: Final = 120
_LEAST_CALLS: Final = 20_000
_LOSS_LOAD: Final = 0.7
_NODE: Final = 8
_LOST_AT_S: Final = 2.0
_LOOKED_AT_S: Final = 6.0


def of_costs(costs: Costs) -> Table:
    """What each part costs."""
    table = Table(("what", "costs"))
    table.rows = [
        ("the model alone, in one process", f"{costs.model_ms:.1f} ms of a core a call"),
        ("a replica, with TLS and gRPC", f"{costs.replica_ms:.1f} ms of a core a call"),
        ("an edge, with TLS on both sides", f"{costs.edge_ms:.2f} ms of a core a call"),
        ("one core of an edge", f"{costs.calls_of_an_edge:.0f} calls a second at most"),
        ("one core of an edge feeds", f"{costs.cores_of_an_edge:.0f} cores of replicas"),
        ("an edge's memory", f"{known.EDGE_MB} MB"),
        ("a node adds", f"{known.NODE_MB} MB, and {known.REPLICA_MB} MB for each replica"),
        ("the head's memory", f"{known.HEAD_MB} MB"),
        (
            "a node is there after",
            f"{known.START_S} s, its first replica {known.FIRST_REPLICA_S:.0f} s later",
        ),
    ]
    return table


def of_growth(costs: Costs, progress: Progress) -> Table:
    """Fleets under load."""
    table = Table(("replicas", "edges", "load", "calls a second", "edges busy", "p50, ms", "p99, ms"))
    for replicas, edges in FLEETS:
        fleet = costs.fleet(replicas, edges)
        for load in LOADS:
            progress(f"{replicas} replicas, {edges} edges, {load:.0%}")
            rate = load * fleet.capacity
            calls = max(_LEAST_CALLS, replicas * _CALLS_OF_A_REPLICA)
            found = run(fleet, rate, calls)
            busy = f"{rate / fleet.edge_capacity:.0%}"
            table.rows.append((replicas, edges, f"{load:.0%}", round(rate), busy, *_milliseconds(found)))
    return table


def of_losses(costs: Costs, progress: Progress) -> Table:
    """Machines that are lost under load."""
    table = Table(("replicas", "edges", "lost", "calls failed", "calls delayed", "p99, ms", "slowest, s"))
    for replicas, edges in FLEETS:
        fleet = costs.fleet(replicas, edges)
        rate = _LOSS_LOAD * fleet.capacity
        for label, lost in _losses(fleet):
            progress(f"{replicas} replicas, {edges} edges: {label} lost")
            found = run(fleet, rate, int(rate * _LOOKED_AT_S), lost=lost)
            p99, slowest = _milliseconds(found)[1], round(max(found.took_s), 2)
            table.rows.append((replicas, edges, label, found.failed, found.delayed, p99, slowest))
    return table


def of_limits(limits: Limits, costs: Costs) -> Table:
    """What else ends growth, with the figures of this machine."""
    replicas, edges = FLEETS[-1]
    checks = edges * replicas
    table = Table(("limit", "here", "met at"))
    table.rows = [
        (
            "the database's one writer",
            f"{limits.commits_per_s:.0f} commits a second, each on the disk",
            "changes alone: no call writes",
        ),
        (
            "an account's one worker",
            f"{limits.deployed_per_s:.1f} deployments a second",
            f"{500 / limits.deployed_per_s / 60:.0f} minutes for 500 services one after another",
        ),
        ("a localcloud", "500 services are what is tried", "another localcloud"),
        (
            "its DNS server's one thread",
            f"{limits.answer_ms:.2f} ms an answer: {1000 / limits.answer_ms:.0f} a second",
            f"with a TTL of 60 s {60_000 / limits.answer_ms:,.0f} resolvers",
        ),
        (
            f"A records of a name: {RECORDS}, as Azure has it",
            f"{limits.answer_full_bytes} bytes of 1232, {limits.answer_full_ms:.2f} ms an answer",
            f"{RECORDS} edges: {RECORDS * costs.calls_of_an_edge:,.0f} calls a second, "
            f"{RECORDS * costs.cores_of_an_edge:.0f} cores of replicas; beyond it several names, or a "
            "balancer of packets",
        ),
        (
            "health checks: each edge asks each replica each second",
            f"{limits.check_ms:.2f} ms, with who asks",
            f"{edges} edges, {replicas} replicas: {checks:,} a second, which are "
            f"{checks * limits.check_ms / 1000:.0f} cores beside {replicas}",
        ),
        (
            "Ray",
            "by its own tables 250 nodes and 10,000 actors were tried",
            "nodes of 8 cores: 2,000 replicas",
        ),
    ]
    return table


def _losses(fleet: Fleet) -> Iterator[tuple[str, Lost]]:
    node = min(_NODE, fleet.replicas // 10)
    label = "a node" if node == _NODE else "a replica"
    yield f"{label}, silent", Lost(_LOST_AT_S, replicas=node, found_s=known.SILENT_S)
    if fleet.edges > 1:
        yield "an edge", Lost(_LOST_AT_S, edges=1, reconnect_s=known.RECONNECT_S)


def _milliseconds(found: Outcome) -> tuple[int, int]:
    return round(1000 * found.percentile(0.5)), round(1000 * found.percentile(0.99))
