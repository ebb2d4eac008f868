"""The calls that an edge has handed to replicas, as Envoy counts them. Pure.

Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin and
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/grpc_stats_filter
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc

from clients.wire.tensorflow_serving import SERVICE
from localcloud.edge.upstreams import BEHIND

PATTERN: Final = rf"^cluster\..+{BEHIND}\.grpc\.{re.escape(SERVICE)}\.Predict\.[0-9]+$"
"""The names of Envoy's counters of calls by code, as RE2 reads it."""

_COUNTER: Final = re.compile(rf"^cluster\.(.+){BEHIND}\.grpc\..+\.([0-9]+)$")
_CODES: Final = {str(code.value[0]): code.name for code in grpc.StatusCode}


@dataclass(frozen=True)
class ReplicaCalls:
    """The calls of one replica since the edge knows it.

    Attributes:
        replica: its address and port.
        answered: calls that it has answered, whatever with.
        failed: calls that it lost, or could not answer: each is tried at another.
        in_progress: calls that it has now.
        is_up: whether it gets calls: it can be reached, and its health is SERVING.
    """

    service_id: str
    replica: str
    answered: int
    failed: int
    in_progress: int
    is_up: bool


@dataclass(frozen=True)
class HandedOn:
    """The calls with a right key to services that have replicas, since Envoy runs.

    Attributes:
        codes: calls that have ended, by the service's ID and the name of the gRPC status.
        replicas: of each replica that there is now.
    """

    codes: dict[tuple[str, str], int]
    replicas: tuple[ReplicaCalls, ...]


def read(numbers: Mapping[str, str], clusters: Iterable[Mapping[str, Any]]) -> HandedOn:
    """The calls, from Envoy's counters and its list of clusters."""
    codes = {}
    for name, number in numbers.items():
        if found := _COUNTER.match(name):
            codes[found[1], _CODES.get(found[2], grpc.StatusCode.UNKNOWN.name)] = int(number)
    replicas = [
        _replica(cluster["name"].removesuffix(BEHIND), host)
        for cluster in clusters
        if cluster["name"].endswith(BEHIND)
        for host in cluster.get("host_statuses", ())
        if "socket_address" in host["address"]
    ]
    return HandedOn(codes, tuple(replicas))


def _replica(service_id: str, host: Mapping[str, Any]) -> ReplicaCalls:
    numbers = {one["name"]: int(one.get("value", 0)) for one in host.get("stats", ())}
    address, health = host["address"]["socket_address"], host.get("health_status", {})
    failing = any(value is True for name, value in health.items() if name.startswith("failed_"))
    return ReplicaCalls(
        service_id,
        f"{address['address']}:{address['port_value']}",
        answered=numbers.get("rq_success", 0),
        failed=numbers.get("rq_error", 0),
        in_progress=numbers.get("rq_active", 0),
        is_up=not failing,
    )
