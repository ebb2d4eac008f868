"""A localcloud that has its services on a cluster of two machines, with everything real."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support import cluster as clusters
from tests.support.machines import needs_machines

pytestmark = needs_machines


def test_services_are_deployed_swapped_scaled_restored_and_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with clusters.cluster(tmp_path / "cluster", replicas=2) as made:
        made.node("node", replicas=2)
        told = made.head.run(
            *(sys.executable, "-m", "tests.support.cluster.operated", made.address.target),
            *(made.head.credentials.tls_folder, tmp_path / "data"),
            timeout_s=400,
        )
        seen = json.loads(told.stdout.splitlines()[-1])
    assert (seen["first"], seen["second"], seen["again"]) == (2.0, 128.0, 128.0)
    assert seen["failed"] == []
    assert seen["answers"] == [2.0, 128.0]
    assert seen["slowest_s"] < 5
