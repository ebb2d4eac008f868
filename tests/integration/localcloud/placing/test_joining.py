"""Machines that join a cluster by `fpga cloud join`, and leave it, or are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from localcloud.placing import node_folder
from tests.support.cluster import cluster
from tests.support.machines import needs_machines
from tests.support.waiting import wait_until

pytestmark = needs_machines


def test_a_machine_joins_is_killed_and_back_leaves_and_nothing_of_it_stays(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        node = made.node("one", replicas=3)
        assert made.alive()[node.address]["scoring"] == 6
        again = node.fpga(
            *(
                "cloud",
                "join",
                made.address.target,
                "--data",
                node.folder,
                "--ray-tls",
                node.credentials.tls_folder,
            )
        )
        assert again.stdout == f"This machine, {node.address}, is joined to {made.address.target} already.\n"

        # a raylet that dies is started again; one whose keeper is killed dies with it, and nothing stays
        before = {pid for pid, line in node.processes() if line[0].endswith("/raylet")}
        node.kill_raylet()
        wait_until(
            lambda: any(line[0].endswith("/raylet") and pid not in before for pid, line in node.processes())
        )
        keeper = node_folder.holder(node.folder)
        assert keeper is not None
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: node.processes() == [])

        node.start()
        made.wait_for_nodes(2)
        node.leave()
        assert node.processes() == []
        assert not node_folder.temporary(node.folder).exists()
        made.wait_for_nodes(1)
        left = node.fpga("cloud", "leave", "--data", node.folder)
        assert left.stdout == f"This machine is of no cluster, by {node.folder}.\n"
