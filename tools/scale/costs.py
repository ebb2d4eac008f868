"""What a call costs each machine, and what a node is: measured, in a form to reckon with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tools.scale.simulation import Fleet

WIRE_MS: Final = 0.5
"""Assumed of a network in one room: caller to edge to replica, and back."""
SILENT_S: Final = 2.5
"""An edge gives up a replica that is silent after its pings of 0.5 s have had no answer for 1.5 s."""
RECONNECT_S: Final = 1.0
"""Assumed of a caller: gRPC's first pause before it connects anew, to another of the name's addresses."""
NODE_MB: Final = 195
REPLICA_MB: Final = 300
HEAD_MB: Final = 430
EDGE_MB: Final = 72
START_S: Final = 3.7
FIRST_REPLICA_S: Final = 4.0
"""Memory and start of Ray's and Envoy's processes on two cores with nothing else to do."""


@dataclass(frozen=True)
class Costs:
    """CPU time of a call with the default model and a photo of 73 KB, in milliseconds of a core.

    Attributes:
        model_ms: of the work alone, in one process without a server.
        replica_ms: of a replica.
        edge_ms: of an edge.
    """

    model_ms: float
    replica_ms: float
    edge_ms: float

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Costs:
        """The costs that the benchmark of replicas has measured (`tools.bench.replicas`)."""
        edge_ms = result["edge_cpu_ms_per_image"]
        replica_ms = result["placed_cpu_ms_per_image"] - edge_ms
        return cls(result["in_process_cpu_ms_per_image"], replica_ms, edge_ms)

    @property
    def cores_of_an_edge(self) -> float:
        """The cores of replicas that one core of an edge keeps busy."""
        return self.replica_ms / self.edge_ms

    @property
    def calls_of_an_edge(self) -> float:
        """The calls a second that one core of an edge hands on at most."""
        return 1000 / self.edge_ms

    def fleet(self, replicas: int, edges: int) -> Fleet:
        """So many of them, each replica with one core of its own."""
        return Fleet(edges, replicas, self.edge_ms / 1000, self.replica_ms / 1000, wire_s=WIRE_MS / 1000)
