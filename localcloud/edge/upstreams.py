"""The replicas of a service in Envoy's configuration: who is let to them, and how no call is lost. Pure.

Scoring changes nothing, so that a call which one replica has lost is tried at another, begun or not.

Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/api
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from clients.wire.tensorflow_serving import METHOD
from localcloud.cluster.credentials import Credentials
from localcloud.edge.entrance import Entrance, Upstream
from localcloud.placing.wanted import APPLICATION
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.caller_keys import HEADER

_MOST_KEPT: Final = 64 * 1024 * 1024 + 64
"""Bytes of a call that are kept until its answer comes, to be sent again: a message as large as may be."""

_MOST_KEPT_OF_ANYBODY: Final = 1024 * 1024
"""The same where anybody may call: larger ones are tried again where they have not begun."""

BEHIND: Final = "/replicas"
"""Ends the names of Envoy's clusters of replicas, behind the service's ID."""

_MOST_CALLS: Final = 16_384
"""Of a service at a time: the bounds of its own server come first."""

_MATCHED: Final = re.compile(r"[!-+\--~]+")
"""Keys that a header carries as they are: printable, without spaces, and without the comma that joins two."""

_EXTENSION: Final = "type.googleapis.com/envoy.extensions"
_SECRET: Final = f"{_EXTENSION}.transport_sockets.tls.v3.Secret"
_AT: Final = "at"
_CERTIFICATE: Final = "certificate"
_CA: Final = "ca"


def bounds() -> dict[str, Any]:
    """The most calls of a service at a time, as of a cluster."""
    names = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return {"thresholds": [dict.fromkeys(names, _MOST_CALLS)]}


def secrets(credentials: Credentials, folder: Path) -> dict[Path, list[dict[str, Any]]]:
    """The files of this machine's certificate among the replicas, and of their CA (SDS).

    Each holds one secret, as Envoy wants it, which it reads again when its files change.
    """
    watched = {"path": str(credentials.tls_folder)}
    certificate = {
        "certificate_chain": {"filename": str(credentials.certificate_file)},
        "private_key": {"filename": str(credentials.key_file)},
        "watched_directory": watched,
    }
    ca = {"trusted_ca": {"filename": str(credentials.ca_file)}, "watched_directory": watched}
    kinds = {_CERTIFICATE: {"tls_certificate": certificate}, _CA: {"validation_context": ca}}
    return {
        _secret_file(folder, name): [{"@type": _SECRET, "name": name, **kind}] for name, kind in kinds.items()
    }


def key_pattern(keys: Iterable[str]) -> str | None:
    """The whole of a header that has one of these keys, as RE2 reads it; None: none of them can be told so.

    What it leaves out the service's own server judges.
    """
    told = [re.escape(key) for key in keys if _MATCHED.fullmatch(key)]
    return f"(?i:bearer )?(?:{'|'.join(told)})" if told else None


def routes(entrance: Entrance, upstream: Upstream) -> list[dict[str, Any]]:
    """The way of calls with a right key to the replicas; the others go on to the service's own server."""
    match: dict[str, Any] = {"path": METHOD}
    if upstream.keys is not None:
        pattern = key_pattern(upstream.keys)
        if pattern is None:
            return []
        match["headers"] = [{"name": HEADER, "string_match": {"safe_regex": {"regex": pattern}}}]
    retries = {
        "retry_on": "connect-failure,refused-stream,reset,unavailable",
        "num_retries": 3,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{_EXTENSION}.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        # A replica that fails at once has the fewest calls under way, and is chosen three times in four.
        "host_selection_retry_max_attempts": 32,
        # What two replicas have lost goes to the own server: the others may be dead too, and not known to be.
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": f"{_EXTENSION}.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": 2,
            },
        },
    }
    action = {"cluster": _name(entrance), "timeout": "0s", "retry_policy": retries}
    meant = {
        "header": {"key": APPLICATION, "value": entrance.service_id},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    return [
        {
            "match": match,
            "route": action,
            "request_headers_to_add": [meant],
            "request_body_buffer_limit": _MOST_KEPT_OF_ANYBODY if upstream.keys is None else _MOST_KEPT,
        }
    ]


def cluster(entrance: Entrance, upstream: Upstream, folder: Path) -> dict[str, Any]:
    """The replicas of a service, and its own server for calls that none of them can take (CDS)."""
    return {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": _name(entrance),
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": "1s",
        "circuit_breakers": bounds(),
        "load_assignment": {
            "cluster_name": _name(entrance),
            "endpoints": [
                {"lb_endpoints": [_replica(one) for one in upstream.replicas]},
                {"priority": 1, "lb_endpoints": [_own_server(entrance)]},
            ],
            # One replica that is left takes all calls before the own server takes one.
            "policy": {"overprovisioning_factor": 1_000_000},
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "ignore_health_on_host_removal": True,
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                # A replica of another service may have come to stand there.
                "grpc_health_check": {
                    "initial_metadata": [{"header": {"key": APPLICATION, "value": entrance.service_id}}]
                },
            }
        ],
        "outlier_detection": _outliers(),
        # Of its own server nothing matches, and nothing is needed.
        "transport_socket_matches": [
            {"name": address, "match": {_AT: address}, "transport_socket": _tls(address, folder)}
            for address in sorted({one.address for one in upstream.replicas})
        ],
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_EXTENSION}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {
                    "http2_protocol_options": {
                        # A node that went silent is given up after 2 s and a little.
                        "connection_keepalive": {
                            "interval": "0.5s",
                            "timeout": "1.5s",
                            "interval_jitter": {"value": 0},
                        }
                    }
                },
            }
        },
    }


def _name(entrance: Entrance) -> str:
    return f"{entrance.service_id}{BEHIND}"


def _replica(endpoint: Endpoint) -> dict[str, Any]:
    address = {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}
    return {
        "endpoint": {"address": address},
        "metadata": {"filter_metadata": {"envoy.transport_socket_match": {_AT: endpoint.address}}},
    }


def _own_server(entrance: Entrance) -> dict[str, Any]:
    return {
        "endpoint": {
            "address": {"pipe": {"path": entrance.inner.path}},
            "health_check_config": {"disable_active_health_check": True},
        },
    }


def _outliers() -> dict[str, Any]:
    """Leaves out, for a while, replicas that cannot be reached; what they answer is the callers' affair."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "2s",
        "max_ejection_time": "10s",
        "max_ejection_percent": 100,
    }


def _secret_file(folder: Path, name: str) -> Path:
    return folder / f"cluster-{name}.json"


def _tls(address: str, folder: Path) -> dict[str, Any]:
    """TLS on both sides: who answers there shows a certificate of the CA that is for this address."""

    def named(name: str) -> dict[str, Any]:
        file = {"path": str(_secret_file(folder, name))}
        return {"name": name, "sds_config": {"path_config_source": file, "resource_api_version": "V3"}}

    name = {"san_type": "IP_ADDRESS", "matcher": {"exact": address}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_EXTENSION}.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificate_sds_secret_configs": [named(_CERTIFICATE)],
                "combined_validation_context": {
                    "default_validation_context": {"match_typed_subject_alt_names": [name]},
                    "validation_context_sds_secret_config": named(_CA),
                },
            },
        },
    }
