"""A placer and a cluster of two machines: replicas come, go and heal; the double scores nothing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from localcloud.placing import kept
from localcloud.placing.errors import PlacingError
from localcloud.placing.placer import Placer
from localcloud.placing.wanted import Wanted
from tests.integration.localcloud.placing.conftest import Made, Place, child_of
from tests.support import cluster as clusters
from tests.support.cluster import Cluster, Node
from tests.support.machines import needs_machines
from tests.support.waiting import wait_until

pytestmark = needs_machines

ONE, THREE = (Wanted("one", "1" * 64, number) for number in (1, 3))
NEXT, NEXT_TWO, NEXT_THREE, NEXT_FIVE = (Wanted("one", "2" * 64, number) for number in (1, 2, 3, 5))
BAD = Wanted("bad", "bad" + "3" * 61, 1)
HOOK = "tests.support.replica_double.hook"
_WAIT_S = 120.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head that keeps what it knows, and a node for two replicas, and as many of an update."""
    with pytest.MonkeyPatch.context() as changed:
        # as if the extra were installed beside this Python
        changed.setattr(sys, "path", [*sys.path, str(clusters.packages())])
        with clusters.cluster(tmp_path_factory.mktemp("cluster"), hook=HOOK) as made:
            made.node("node", replicas=2)
            yield made


@pytest.fixture(scope="module")
def node(cluster: Cluster) -> Node:
    """The machine of replicas, where localcloud is, too."""
    return cluster.nodes[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def made(cluster: Cluster, node: Node, data: Path, place: Place) -> Iterator[Made]:
    """A placer there."""
    with start(cluster, node, data, place) as (placer, following):
        yield placer, following


def start(cluster: Cluster, node: Node, data: Path, place: Place) -> AbstractContextManager[Made]:
    """Starts a placer on the node."""
    return place(node.machine, node.credentials, data, cluster.address.target)


def wanted(placer: Placer, *every: Wanted) -> None:
    """Has these be wanted, and waits for them."""
    placer.want(every)
    for one in every:
        placer.wait(one, _WAIT_S, lambda: False)


def endpoints(placer: Placer, one: Wanted) -> set[tuple[str, int]]:
    placed = placer.placed(one.service_id, one.digest)
    assert placed is not None
    return set(placed.endpoints)


def trouble(placer: Placer, one: Wanted) -> str | None:
    placed = placer.placed(one.service_id, one.digest)
    assert placed is not None
    return placed.trouble


def test_replicas_are_placed_scaled_and_moved_to_another_model(made: Made, data: Path) -> None:
    placer, following = made
    wanted(placer, ONE)
    status = placer.status()
    assert (status.connected, status.nodes, status.replicas) == (True, 2, {"one": (1, 1)})
    assert status.trouble is None
    first = endpoints(placer, ONE)
    wanted(placer, THREE)
    more = endpoints(placer, THREE)
    assert len(more) == 3
    assert first < more  # no replica was replaced
    wait_until(lambda: set(following.endpoints("one", ONE.digest) or ()) == more)
    wanted(placer, ONE)
    wait_until(lambda: len(endpoints(placer, ONE)) == 1)
    assert endpoints(placer, ONE) < more
    wanted(placer, ONE, NEXT)  # beside it
    assert endpoints(placer, ONE) < more
    assert not endpoints(placer, NEXT) & more
    placer.want([NEXT])
    wait_until(lambda: set(kept.read(data)) == {NEXT.application})
    assert placer.placed("one", ONE.digest) is None


def test_a_model_that_no_node_can_load_is_told_in_the_node_s_words(made: Made) -> None:
    placer, _ = made
    wanted(placer, NEXT)
    before = endpoints(placer, NEXT)
    placer.want([NEXT, BAD])
    words = (
        r"^0 of 1 replicas answer\. The model cannot be loaded on a node: The package holds no model: "
        r"register another\.$"
    )
    with pytest.raises(PlacingError, match=words):
        placer.wait(BAD, _WAIT_S, lambda: False)
    assert (trouble(placer, BAD) or "").startswith("The model cannot be loaded on a node: The package holds")
    # once more: it is begun anew, and not refused by what is known of before
    placer.want([NEXT])
    placer.want([NEXT, BAD])
    assert trouble(placer, BAD) is None
    with pytest.raises(PlacingError, match=words):
        placer.wait(BAD, _WAIT_S, lambda: False)
    assert endpoints(placer, NEXT) == before


def test_replicas_that_no_node_has_room_for_are_told_with_numbers(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    placer, _ = made
    monkeypatch.setattr("localcloud.placing.placer.PATIENCE_S", 1.0)
    placer.want([NEXT_FIVE])
    words = (
        r"^[0-4] of 5 replicas answer\. No node has room for another \(all 4 places are taken\): have "
        r"another machine join the cluster \(`fpga cloud join`\)\.$"
    )
    with pytest.raises(PlacingError, match=words):
        placer.wait(NEXT_FIVE, _WAIT_S, lambda: False)
    wait_until(lambda: len(endpoints(placer, NEXT_FIVE)) == 4)
    wait_until(lambda: (trouble(placer, NEXT_FIVE) or "").startswith("No node has room for another"))
    wanted(placer, NEXT_TWO)  # and is well again with fewer
    assert trouble(placer, NEXT_TWO) is None
    wait_until(lambda: len(endpoints(placer, NEXT_TWO)) == 2)


def test_a_replica_that_is_killed_is_replaced(made: Made, node: Node) -> None:
    placer, following = made
    wanted(placer, NEXT_TWO)
    wait_until(lambda: len(endpoints(placer, NEXT_TWO)) == 2)
    before = endpoints(placer, NEXT_TWO)
    os.kill(node.workers("Replica")[0], signal.SIGKILL)
    wait_until(
        lambda: len(endpoints(placer, NEXT_TWO)) == 2 and len(endpoints(placer, NEXT_TWO) & before) == 1
    )
    wait_until(lambda: set(following.endpoints("one", NEXT_TWO.digest) or ()) == endpoints(placer, NEXT_TWO))


def test_a_localcloud_that_starts_again_finds_its_replicas_and_ends_its_own_alone(
    made: Made, cluster: Cluster, node: Node, tmp_path: Path, place: Place
) -> None:
    first, _ = made
    wanted(first, NEXT)
    wait_until(lambda: len(endpoints(first, NEXT)) == 1)
    theirs = endpoints(first, NEXT)
    ours, gone = Wanted("ours", "4" * 64, 1), Wanted("gone", "5" * 64, 1)
    with start(cluster, node, tmp_path, place) as (placer, _):
        wanted(placer, ours, gone)
        found = endpoints(placer, ours)
    with start(cluster, node, tmp_path, place) as (placer, following):
        placer.want([ours])
        assert endpoints(placer, ours) == found  # before the child is there
        wait_until(lambda: set(kept.read(tmp_path)) == {ours.application})
        assert endpoints(placer, ours) == found
        assert set(following.endpoints("ours", ours.digest) or ()) == found
        placer.want(())
        wait_until(lambda: not kept.read(tmp_path))
    wanted(first, NEXT_TWO)
    assert endpoints(first, NEXT_TWO) > theirs


def test_a_head_that_is_lost_takes_no_endpoint_and_goes_on_once_it_is_back(
    made: Made, cluster: Cluster
) -> None:
    placer, _ = made
    wanted(placer, NEXT_TWO)
    wait_until(lambda: len(endpoints(placer, NEXT_TWO)) == 2)
    before, child = endpoints(placer, NEXT_TWO), child_of(placer)
    cluster.head.power_off()
    wait_until(lambda: "does not answer" in (placer.status().trouble or ""))
    # the driver hangs for good: another one looks for the head
    wait_until(lambda: "cannot be reached" in (placer.status().trouble or ""))
    assert placer.status().pid != child
    assert endpoints(placer, NEXT_TWO) == before
    cluster.head.start()
    wait_until(lambda: placer.status().connected)
    assert endpoints(placer, NEXT_TWO) == before
    wanted(placer, NEXT_THREE)
    assert endpoints(placer, NEXT_THREE) > before
