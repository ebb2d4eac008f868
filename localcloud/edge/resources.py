"""Envoy's configuration, as its API v3 has it: whole, and by the entrances alone. Pure.

Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/api
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from clients.wire.tensorflow_serving import SERVICE
from localcloud.edge import calls, upstreams
from localcloud.edge.entrance import Entrance
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.entry import PEER
from localcloud.scoring.tls import TlsMaterial

MOST_CONNECTIONS: Final = 8192
"""Most connections of all callers together; further ones are closed."""


class _Places(NamedTuple):
    """The places of files.

    Attributes:
        folder: has the configuration.
        log: has a line for each call; None: there is none.
    """

    folder: Path
    log: Path | None


CLUSTERS: Final = "cluster_manager.cds"
LISTENERS: Final = "listener_manager.lds"
ROUTES: Final = "http.services.rds.services"
"""What Envoy counts its updates under."""
ACTIVE: Final = "listener_manager.total_listeners_active"
"""The number of listeners: without one it reads no routes."""
WARMING: Final = "cluster_manager.warming_clusters"
"""The number of services whose replicas it has not looked at yet."""

_MOST_STREAMS: Final = 1024
"""Calls under way over one connection: a caller with more waits, or opens another."""

CLUSTERS_FILE: Final = "clusters.json"
ROUTES_FILE: Final = "routes.json"
LISTENERS_FILE: Final = "listeners.json"

MOST_MEMORY: Final = 2 * 1024**3
"""Bytes, near which Envoy ends the calls that hold most, and takes no new ones."""
_HEAP: Final = "envoy.resource_monitors.fixed_heap"

_TABLE: Final = "services"
_SERVICE: Final = "localcloud-service"
"""The header that says, inside of Envoy alone, whose connection a call came over."""
_INSTEAD: Final = "OVERWRITE_IF_EXISTS_OR_ADD"

_EXTENSION: Final = "type.googleapis.com/envoy.extensions"
_HANDSHAKE: Final = "30s"


def bootstrap(folder: Path) -> dict[str, Any]:
    """What Envoy starts with: where the rest of its configuration is, and a socket to ask it at."""
    return {
        "node": {"id": "localcloud", "cluster": "localcloud"},
        "admin": {"address": {"pipe": {"path": str(admin_socket(folder)), "mode": 0o600}}},
        "dynamic_resources": {
            "cds_config": _source(folder / CLUSTERS_FILE),
            "lds_config": _source(folder / LISTENERS_FILE),
        },
        # Of what is asked for: each service would have hundreds of numbers more.
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": _asked_for()}}},
        "overload_manager": {
            "refresh_interval": "0.25s",
            # Calls are known by what they hold from this power of two bytes on.
            "buffer_factory_config": {"minimum_account_to_track_power_of_two": 20},
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{_EXTENSION}.resource_monitors.downstream_connections.v3"
                        ".DownstreamConnectionsConfig",
                        "max_active_downstream_connections": MOST_CONNECTIONS,
                    },
                },
                {
                    "name": _HEAP,
                    "typed_config": {
                        "@type": f"{_EXTENSION}.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                        "max_heap_size_bytes": MOST_MEMORY,
                    },
                },
            ],
            "actions": [
                {
                    "name": "envoy.overload_actions.reset_high_memory_stream",
                    "triggers": [
                        {
                            "name": _HEAP,
                            "scaled": {"scaling_threshold": 0.8, "saturation_threshold": 0.95},
                        }
                    ],
                },
                {
                    "name": "envoy.overload_actions.stop_accepting_requests",
                    "triggers": [{"name": _HEAP, "threshold": {"value": 0.95}}],
                },
                {
                    "name": "envoy.overload_actions.shrink_heap",
                    "triggers": [{"name": _HEAP, "threshold": {"value": 0.7}}],
                },
            ],
        },
    }


def _asked_for() -> list[dict[str, Any]]:
    prefixes = (CLUSTERS, LISTENERS, ROUTES)
    counted = {"safe_regex": {"regex": calls.PATTERN}}
    return [*({"prefix": f"{one}."} for one in prefixes), {"exact": WARMING}, {"exact": ACTIVE}, counted]


def admin_socket(folder: Path) -> Path:
    """The socket at which Envoy is asked how it is."""
    return folder / "admin.sock"


def clusters(entrances: Iterable[Entrance], folder: Path) -> list[Any]:
    """The services' own servers, and their replicas (CDS)."""
    found = []
    for one in entrances:
        found.append(_cluster(one))
        if one.upstream is not None:
            found.append(upstreams.cluster(one, one.upstream, folder))
    return found


def routes(entrances: Iterable[Entrance]) -> list[Any]:
    """The ways of the services' calls (RDS), of all in one: with keys that change, no connection ends."""
    found = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": _TABLE,
        "vhost_header": _SERVICE,
        "virtual_hosts": [_routes(one) for one in entrances],
        "request_headers_to_add": [
            {
                "header": {"key": PEER, "value": "ipv4:%DOWNSTREAM_REMOTE_ADDRESS%"},
                "append_action": _INSTEAD,
            }
        ],
        "request_headers_to_remove": [_SERVICE],
    }
    return [found]


def access_log(file: Path, service_id: str) -> list[dict[str, Any]]:
    """A line in JSON for each call of a service when it ends; no header of a caller's is in it."""
    line = {
        "time": "%START_TIME%",
        "service": service_id,
        "caller": "%DOWNSTREAM_REMOTE_ADDRESS%",
        "method": "%PATH(NQ)%",
        "code": "%GRPC_STATUS(SNAKE_STRING)%",
        "duration_ms": "%DURATION%",
        "received_bytes": "%BYTES_RECEIVED%",
        "sent_bytes": "%BYTES_SENT%",
        "server": "%UPSTREAM_HOST%",
        "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "flags": "%RESPONSE_FLAGS%",
    }
    return [
        {
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": f"{_EXTENSION}.access_loggers.file.v3.FileAccessLog",
                "path": str(file),
                "log_format": {"json_format": line},
            },
        }
    ]


def listeners(entrances: Iterable[Entrance], folder: Path, log: Path | None = None) -> list[Any]:
    """The endpoints that are listened on (LDS), each with the services that are there, the oldest first."""
    by_endpoint: dict[Endpoint, list[Entrance]] = {}
    for one in entrances:
        by_endpoint.setdefault(one.endpoint, []).append(one)
    places = _Places(folder, log)
    return [_listener(*there, places) for there in by_endpoint.items()]


def _source(path: Path) -> dict[str, Any]:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _cluster(entrance: Entrance) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": entrance.inner.path}}}}
    return {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": entrance.service_id,
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": "5s",
        "circuit_breakers": upstreams.bounds(),
        "load_assignment": {
            "cluster_name": entrance.service_id,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_EXTENSION}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }


def _listener(endpoint: Endpoint, there: Sequence[Entrance], places: _Places) -> dict[str, Any]:
    secured = [one for one in there if one.tls is not None]
    chains = [_chain(one, places, {"server_names": list(one.names)}) for one in secured if one.names]
    if secured:
        # Who asks for none of the names, or for no name, is the oldest one's: as if it were alone there.
        chains.append(_chain(secured[0], places, {"transport_protocol": "tls"}, "any"))
    chains += [_chain(one, places, {"transport_protocol": "raw_buffer"}) for one in there if one.tls is None]
    return {
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": endpoint.target,
        "address": {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}},
        # A second listener on the port would get a share of the calls in silence.
        "enable_reuse_port": False,
        # Callers have few connections, which last: each thread gets as many.
        "connection_balance_config": {"exact_balance": {}},
        # There is one even where nobody has TLS: with it, services come and go and the listener stays.
        "listener_filters": [
            {
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": {
                    "@type": f"{_EXTENSION}.filters.listener.tls_inspector.v3.TlsInspector",
                },
            }
        ],
        "listener_filters_timeout": _HANDSHAKE,
        "filter_chains": chains,
    }


def _chain(entrance: Entrance, places: _Places, match: dict[str, Any], suffix: str = "") -> dict[str, Any]:
    chain: dict[str, Any] = {
        "name": "-".join(filter(None, (entrance.service_id, suffix))),
        "filter_chain_match": match,
        "filters": [_http(entrance, places)],
    }
    if entrance.tls is not None:
        chain["transport_socket_connect_timeout"] = _HANDSHAKE
        chain["transport_socket"] = _tls(entrance.tls)
    return chain


def _tls(tls: TlsMaterial) -> dict[str, Any]:
    # Here, and not in a file of its own (SDS): for each of those Envoy has a watch of the kernel's, of which
    # a user has 128, and ends where there is none left.
    pair = {
        "certificate_chain": {"inline_string": tls.certificate_pem.decode()},
        "private_key": {"inline_string": tls.key_pem.decode()},
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_EXTENSION}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificates": [pair],
            },
        },
    }


def _http(entrance: Entrance, places: _Places) -> dict[str, Any]:
    is_of = {"header": {"key": _SERVICE, "value": entrance.service_id}, "append_action": _INSTEAD}
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{_EXTENSION}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "services",
            "codec_type": "HTTP2",
            "http2_protocol_options": {"max_concurrent_streams": _MOST_STREAMS},
            "request_headers_timeout": "10s",
            # A call that watches lasts; the services' own servers bound the others.
            "stream_idle_timeout": "0s",
            "generate_request_id": False,
            "server_header_transformation": "PASS_THROUGH",
            "use_remote_address": True,
            "skip_xff_append": True,
            # Nobody's headers steer Envoy: whoever calls is a stranger.
            "internal_address_config": {"unix_sockets": False},
            "http_filters": [
                {
                    "name": "envoy.filters.http.grpc_stats",
                    "typed_config": {
                        "@type": f"{_EXTENSION}.filters.http.grpc_stats.v3.FilterConfig",
                        "individual_method_stats_allowlist": {
                            "services": [{"name": SERVICE, "method_names": ["Predict"]}]
                        },
                    },
                },
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {
                        "@type": f"{_EXTENSION}.filters.http.router.v3.Router",
                        "suppress_envoy_headers": True,
                    },
                },
            ],
            "early_header_mutation_extensions": [
                {
                    "name": "envoy.http.early_header_mutation.header_mutation",
                    "typed_config": {
                        "@type": f"{_EXTENSION}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                        "mutations": [{"append": is_of}],
                    },
                }
            ],
            "rds": {"route_config_name": _TABLE, "config_source": _source(places.folder / ROUTES_FILE)},
            **({} if places.log is None else {"access_log": access_log(places.log, entrance.service_id)}),
        },
    }


def _routes(entrance: Entrance) -> dict[str, Any]:
    action = {
        "cluster": entrance.service_id,
        # The caller's deadline goes with the call, and its own server holds to it.
        "timeout": "0s",
        # None of these has begun.
        "retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 3},
    }
    routes = [{"match": {"prefix": "/"}, "route": action}]
    if entrance.upstream is not None:
        routes = [*upstreams.routes(entrance, entrance.upstream), *routes]
    return {"name": entrance.service_id, "domains": [entrance.service_id], "routes": routes}
