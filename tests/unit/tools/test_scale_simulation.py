"""The simulation of edges and replicas, held to closed forms of queueing theory."""

from __future__ import annotations

import math

import pytest

from tools.scale.simulation import Fleet, Lost, run

CALLS = 60_000


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def erlang_c(cores: int, offered: float) -> float:
    """The part of calls that wait in an M/M/c queue (Erlang's second formula)."""
    terms = [offered**number / math.factorial(number) for number in range(cores)]
    last = offered**cores / math.factorial(cores) * cores / (cores - offered)
    return last / (math.fsum(terms) + last)


@pytest.mark.parametrize(("cores", "load"), [(1, 0.5), (1, 0.8), (4, 0.6), (8, 0.8)])
def test_a_replica_is_a_queue_of_markov_s(cores: int, load: float) -> None:
    fleet = Fleet(edges=1, replicas=1, edge_s=0, replica_s=1.0, cores=cores, varies=True)
    found = run(fleet, load * cores, CALLS)
    expected = 1 + erlang_c(cores, load * cores) / (cores * (1 - load))
    assert mean(found.took_s) == pytest.approx(expected, rel=0.06)
    assert found.calls_per_s == pytest.approx(load * cores, rel=0.02)
    assert found.failed == 0


@pytest.mark.parametrize("load", [0.4, 0.8])
def test_an_edge_is_a_queue_with_one_cost(load: float) -> None:
    """M/D/1: a call waits load / (2 (1 - load)) of its cost (Pollaczek and Khinchine)."""
    fleet = Fleet(edges=1, replicas=1, edge_s=1.0, replica_s=0.0)
    found = run(fleet, load, CALLS)
    assert mean(found.took_s) == pytest.approx(1 + load / (2 * (1 - load)), rel=0.05)


def test_one_in_a_hundred_takes_as_long_as_it_must() -> None:
    """M/M/1: the time in it is exponentially distributed, with the mean 1 / (1 - load)."""
    found = run(Fleet(1, 1, 0, 1.0, varies=True), 0.5, CALLS)
    assert found.percentile(0.99) == pytest.approx(2 * math.log(100), rel=0.08)
    assert found.percentile(0.5) == pytest.approx(2 * math.log(2), rel=0.05)


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_the_better_of_two_is_as_good_as_it_must_be(load: float) -> None:
    """The supermarket model: the mean time at many servers is the sum of load^(2^i - 2), i from 1."""
    fleet = Fleet(edges=1, replicas=400, edge_s=0, replica_s=1.0, varies=True)
    found = run(fleet, 400 * load, CALLS)
    began = found.took_s[len(found.took_s) // 4 :]  # all were idle at first
    expected = math.fsum(load ** (2**number - 2) for number in range(1, 12))
    assert mean(began) == pytest.approx(expected, rel=0.05)


def test_more_than_replicas_answer_is_never_answered_faster() -> None:
    fleet = Fleet(edges=1, replicas=4, edge_s=0.001, replica_s=0.1)
    assert fleet.capacity == pytest.approx(40)
    assert run(fleet, 400, 2000).calls_per_s == pytest.approx(fleet.capacity, rel=0.01)


def test_more_than_edges_hand_on_is_never_answered_faster() -> None:
    fleet = Fleet(edges=2, replicas=100, edge_s=0.01, replica_s=0.01)
    assert fleet.edge_capacity == pytest.approx(200)
    assert run(fleet, 1000, 5000).calls_per_s == pytest.approx(200, rel=0.03)


def test_a_silent_node_delays_what_it_had_and_fails_nothing() -> None:
    fleet = Fleet(edges=2, replicas=20, edge_s=0.001, replica_s=0.1)
    lost = Lost(at_s=10, replicas=2, found_s=3)
    found = run(fleet, 100, 4000, lost=lost)
    usual = run(fleet, 100, 4000)
    assert found.failed == 0
    assert len(found.took_s) == 4000
    assert 0 < found.delayed < 100  # it looks ever busier, and is chosen ever less
    assert 2.8 < max(found.took_s) < 3.5
    assert max(usual.took_s) < 1
    assert usual.delayed == 0


def test_an_edge_that_dies_fails_what_it_had() -> None:
    """By Little's law as many calls are under way as come in a second, times the seconds that each takes."""
    fleet = Fleet(edges=10, replicas=200, edge_s=0.0005, replica_s=0.1)
    usual = mean(run(fleet, 1000, 3000).took_s)
    failed = [
        run(fleet, 1000, 3000, seed=seed, lost=Lost(at_s=2, edges=1, reconnect_s=1)).failed
        for seed in range(20)
    ]
    assert mean([float(one) for one in failed]) == pytest.approx(1000 * usual / 10, rel=0.2)


def test_edges_that_know_their_own_calls_alone_share_worse_than_one() -> None:
    one, many = (Fleet(edges, 100, 0, 0.1) for edges in (1, 100))
    assert run(one, 800, 20_000).percentile(0.99) < run(many, 800, 20_000).percentile(0.99)
