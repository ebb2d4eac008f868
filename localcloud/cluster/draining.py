"""The draining of a machine: nothing new is placed there, and its replicas come up elsewhere first.

    python -m localcloud.cluster.draining HEAD ADDRESS SECONDS

with the variables that let it in. It says a line of JSON each: `tell`, how far it is; `refusal`, why it does
not. Exit code 0: the machine has no replica any more, or the time is over. A process of its own knows Ray.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

_REPLICA: Final = "ServeReplica"
_RESOURCE: Final = "scoring"
_LOOK_INTERVAL_S: Final = 0.3


class _Head:
    """The head, asked by Ray's own clients of its state."""

    def __init__(self, head: str) -> None:
        from ray._private.state import GlobalState
        from ray._raylet import GcsClient, GcsClientOptions

        self._state = GlobalState()
        self._state._initialize_global_state(GcsClientOptions.create(head, None, True, False))
        self._client = GcsClient(address=head)

    def nodes(self) -> dict[str, str]:
        """The IDs of the machines that are alive, by address."""
        table = self._state.node_table()
        return {one["NodeManagerAddress"]: one["NodeID"] for one in table if one["Alive"]}

    def replicas(self, node: str) -> int:
        """How many replicas a machine has."""
        table: dict[str, Any] = self._state.actor_table(None, None, "ALIVE")
        return sum(
            one["Address"]["NodeID"] == node and str(one["ActorClassName"]).startswith(_REPLICA)
            for one in table.values()
        )

    def room(self, without: str) -> int:
        """How many replicas all other machines could take."""
        free: dict[str, dict[str, float]] = self._state.available_resources_per_node()
        return sum(int(found.get(_RESOURCE, 0)) for node, found in free.items() if node != without)

    def drain(self, node: str, seconds: int) -> None:
        """Has the head place nothing there any more, and Serve move what is there."""
        from ray.core.generated import autoscaler_pb2

        deadline_ms = time.time_ns() // 1_000_000 + seconds * 1000
        accepted, reason = self._client.drain_node(
            node,
            autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
            "it leaves",
            deadline_ms,
        )
        if not accepted:
            _say(refusal=f"The head does not let this machine go: {reason}")
            sys.exit(1)


def main(head: str, address: str, seconds: int) -> None:
    """Drains it."""
    asked = _Head(head)
    nodes = asked.nodes()
    node = nodes.pop(address, None)
    if node is None:
        _say(tell="the head does not know this machine any more")
        return
    if nodes and address == head.partition(":")[0]:
        others = ", ".join(sorted(nodes))
        _say(refusal=f"This machine is the head, and others are of its cluster: {others}. They leave first.")
        sys.exit(1)
    here, room = asked.replicas(node), asked.room(node)
    if here > room:
        _say(
            refusal=f"{here} replicas are here, and other machines have room for {room}: have another "
            "machine join first, or services have fewer."
        )
        sys.exit(1)
    asked.drain(node, seconds)
    until = time.monotonic() + seconds
    while here and time.monotonic() < until:
        _say(tell=f"{here} of this machine's replicas come up elsewhere")
        time.sleep(_LOOK_INTERVAL_S)
        here = asked.replicas(node)


def _say(**told: str) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
