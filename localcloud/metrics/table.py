"""The metrics, in one table: name, type, labels, and the line about each. Pure.

Names by https://prometheus.io/docs/practices/naming/: base units, `_total` behind what only grows. A label
has few values, or one for each thing that is there now: what is deleted is told no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """A type of metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        help: one line, shown beside it; Markdown has it in docs/metrics.md.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


_SERVICE: Final = ("resource_group", "account", "service")

CALLS: Final = Metric(
    "localcloud_scoring_calls_total",
    Kind.COUNTER,
    (*_SERVICE, "method", "code"),
    "Calls that have ended, by method and gRPC status, over HTTP the one that its status stands for.",
)
DURATION: Final = Metric(
    "localcloud_scoring_call_duration_seconds",
    Kind.HISTOGRAM,
    _SERVICE,
    "Time from the first byte of a Predict call to its answer, of those that were answered (code OK).",
)
RECEIVED: Final = Metric(
    "localcloud_scoring_received_bytes_total",
    Kind.COUNTER,
    _SERVICE,
    "Bytes of the Predict requests that came whole.",
)
SENT: Final = Metric(
    "localcloud_scoring_sent_bytes_total", Kind.COUNTER, _SERVICE, "Bytes of the answers to Predict calls."
)
KEYS_REFUSED: Final = Metric(
    "localcloud_scoring_keys_refused_total",
    Kind.COUNTER,
    (*_SERVICE, "reason"),
    "Calls refused for their key: missing, many, wrong, or not_compared behind too many wrong ones.",
)
IN_PROGRESS: Final = Metric(
    "localcloud_scoring_calls_in_progress",
    Kind.GAUGE,
    (*_SERVICE, "stage"),
    "Calls under way: receiving a request, answering Predict (and waiting for a core), both over http, or "
    "watching the health.",
)
PLACES: Final = Metric(
    "localcloud_scoring_places",
    Kind.GAUGE,
    ("stage",),
    "Most calls of all services together that may be in a stage; further ones are refused.",
)
SERVICES: Final = Metric(
    "localcloud_services", Kind.GAUGE, ("state",), "Services, by the state of their last operation."
)
SERVICE_EXPIRY: Final = Metric(
    "localcloud_service_certificate_expiry_timestamp_seconds",
    Kind.GAUGE,
    _SERVICE,
    "When a service's certificate ends, or the first of those above it, since 1970 (UTC).",
)
SERVER_EXPIRY: Final = Metric(
    "localcloud_server_certificate_expiry_timestamp_seconds",
    Kind.GAUGE,
    (),
    "When the certificate of the server's own listeners ends, since 1970 (UTC).",
)
OPERATIONS: Final = Metric(
    "localcloud_operations",
    Kind.GAUGE,
    ("action", "state"),
    "Operations on services that are remembered, by state; finished ones are forgotten after 7 days.",
)
QUEUE: Final = Metric(
    "localcloud_operation_queue_length",
    Kind.GAUGE,
    (),
    "Operations that were accepted and have not ended.",
)
QUEUE_AGE: Final = Metric(
    "localcloud_operation_queue_oldest_age_seconds",
    Kind.GAUGE,
    (),
    "Time since the oldest operation that has not ended was accepted; 0 where all have.",
)
BLOBS: Final = Metric(
    "localcloud_blob_bytes",
    Kind.GAUGE,
    ("storage_account",),
    "Bytes of the blobs of a storage account, with snapshots and blocks that are not committed.",
)
BLOB_SERVICE: Final = Metric(
    "localcloud_blob_service_up", Kind.GAUGE, (), "Whether the blob service runs; not there without one."
)
EDGE: Final = Metric(
    "localcloud_edge_up",
    Kind.GAUGE,
    (),
    "Whether the edge takes calls; 1 without one, where each service's own server does.",
)
EDGE_RESTARTS: Final = Metric(
    "localcloud_edge_restarts_total", Kind.COUNTER, (), "How often the edge died and was started again."
)
EDGE_CALLS: Final = Metric(
    "localcloud_edge_calls_total",
    Kind.COUNTER,
    (*_SERVICE, "code"),
    "Predict calls with a right key that the edge has handed to replicas, by gRPC status. Those that no "
    "replica could take are among the service's own, too.",
)
REPLICA_CALLS: Final = Metric(
    "localcloud_edge_replica_calls_total",
    Kind.COUNTER,
    (*_SERVICE, "replica", "outcome"),
    "Calls that the edge gave to a replica, by outcome: answered, or failed, which is tried at another one.",
)
REPLICA_UP: Final = Metric(
    "localcloud_edge_replica_up",
    Kind.GAUGE,
    (*_SERVICE, "replica"),
    "Whether the edge gives calls to a replica: it is reached, and its health is SERVING.",
)
CLUSTER: Final = Metric(
    "localcloud_cluster_up",
    Kind.GAUGE,
    (),
    "Whether the cluster that has the services' replicas answers; 1 without one.",
)
NODES: Final = Metric(
    "localcloud_cluster_nodes", Kind.GAUGE, (), "Machines of that cluster; 0 while it does not answer."
)
DRIVER_RESTARTS: Final = Metric(
    "localcloud_cluster_driver_restarts_total",
    Kind.COUNTER,
    (),
    "How often the process that holds the Ray driver ended and was started again.",
)
REPLICAS: Final = Metric(
    "localcloud_replicas",
    Kind.GAUGE,
    _SERVICE,
    "Replicas of a service that answer, as far as is known; 1 where its model runs in localcloud.",
)
REPLICAS_WANTED: Final = Metric(
    "localcloud_replicas_wanted", Kind.GAUGE, _SERVICE, "Replicas that a service is to have at least."
)
REQUESTS: Final = Metric(
    "localcloud_http_requests_total",
    Kind.COUNTER,
    ("api", "method", "code"),
    "Requests to the HTTPS APIs that were answered, by the status of the answer.",
)
DATABASE: Final = Metric(
    "localcloud_database_size_bytes", Kind.GAUGE, (), "Size of the database, with the log beside it."
)
FREE: Final = Metric(
    "localcloud_data_folder_free_bytes",
    Kind.GAUGE,
    (),
    "Free space of the file system of the data folder, as its owner may use it.",
)
BUILD: Final = Metric(
    "localcloud_build_info", Kind.GAUGE, ("version", "commit"), "1, with the version and commit that run."
)
SOURCES: Final = Metric(
    "localcloud_metrics_source_up",
    Kind.GAUGE,
    ("source",),
    "Whether a source of metrics could be read; where not, its metrics are not there.",
)

OF_REPLICAS: Final = (EDGE_CALLS, REPLICA_CALLS, REPLICA_UP)
"""Those that are there where an edge hands calls to replicas."""

METRICS: Final = (
    *(CALLS, DURATION, RECEIVED, SENT, KEYS_REFUSED, IN_PROGRESS, PLACES),
    *(SERVICES, SERVICE_EXPIRY, SERVER_EXPIRY, OPERATIONS, QUEUE, QUEUE_AGE),
    *(BLOBS, BLOB_SERVICE, EDGE, EDGE_RESTARTS, *OF_REPLICAS),
    *(CLUSTER, NODES, DRIVER_RESTARTS, REPLICAS, REPLICAS_WANTED),
    *(REQUESTS, DATABASE, FREE, BUILD, SOURCES),
)
