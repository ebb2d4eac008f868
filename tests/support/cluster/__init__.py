"""Ray for tests: the packages, and clusters of machines of a test's own (`tests.support.machines`).

    with clusters.cluster(tmp_path) as made:          # a head, on a network that no packet leaves
        node = made.node("one", replicas=2)           # a machine that joins, with room for 2 replicas
        made.wait_for_nodes(2)
        node.run(sys.executable, "-m", "a.driver")    # on it, with Ray, token and TLS
        node.kill_raylet()                            # or kill_workers(), power_off(), made.head.power_off()
        node.silence(); node.speak()                  # its link down, and up
        made.head.start()                             # again

A test without root or `ip` is to have the mark `needs_machines`.
"""

from __future__ import annotations

from tests.support.cluster.clusters import Cluster, Node, cluster
from tests.support.cluster.packages import command, packages, python, with_ray

__all__ = ["Cluster", "Node", "cluster", "command", "packages", "python", "with_ray"]
