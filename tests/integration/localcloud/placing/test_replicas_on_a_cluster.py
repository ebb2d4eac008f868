"""Replicas of the real model on a cluster of two machines, with real callers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import cluster as clusters
from tests.support.cluster import Cluster, placed
from tests.support.cluster.placed import CALLERS, Placing
from tests.support.localcloud import scoring_parts
from tests.support.machines import needs_machines
from tests.support.waiting import wait_until

pytestmark = needs_machines


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head, where localcloud is, and a node."""
    ray = clusters.packages()
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        changed.setattr(sys, "path", [*sys.path, str(ray)])
        with clusters.cluster(tmp_path_factory.mktemp("cluster"), replicas=1) as made:
            made.node("node", replicas=1)
            yield made


@pytest.fixture
def service(cluster: Cluster) -> Iterator[Placing]:
    with placed.placing(cluster.head) as made:
        yield made


@pytest.fixture
def package(tmp_path: Path) -> str:
    (tmp_path / "package.zip").write_bytes(scoring_parts.package())
    return str(tmp_path / "package.zip")


def workers(cluster: Cluster) -> list[int]:
    return [pid for node in cluster.nodes for pid in node.workers("Replica")]


def test_replicas_answer_scale_heal_and_drain(
    cluster: Cluster, service: Placing, package: str, tmp_path: Path
) -> None:
    assert service("want", package=package, replicas=1, most=2) is None
    assert service("score") == scoring_parts.ESPRESSO
    service("begin")
    (only,) = service("endpoints")
    wait_until(lambda: len(service("endpoints")) == 2)  # the calls are many
    first = service("endpoints")
    assert only in first
    service("more", number=4 * CALLERS)
    os.kill(workers(cluster)[0], signal.SIGKILL)
    wait_until(lambda: len(service("endpoints")) == 2 and service("endpoints") != first)
    service("more", number=4 * CALLERS)
    before = service("endpoints")
    assert service("want", package=package, replicas=3) is None
    assert all(one in service("endpoints") for one in before)
    assert service("want", package=package, replicas=1) is None  # the others drain
    service("more", number=4 * CALLERS)
    told = service("end")
    assert told["failed"] == []
    assert told["slowest_s"] < 5
    kept = service("endpoints")

    (tmp_path / "broken.zip").write_bytes(b"no zip")
    words = service("want", package=str(tmp_path / "broken.zip"), replicas=1)
    assert "model cannot be loaded on a node: The package is not a zip file that can be read" in words
    assert service("endpoints") == kept
    assert service("score") == scoring_parts.ESPRESSO

    service("away")  # what a node has, it need not fetch
    os.kill(workers(cluster)[0], signal.SIGKILL)
    wait_until(lambda: service("endpoints") not in ([], kept))
    assert service("score") == scoring_parts.ESPRESSO
