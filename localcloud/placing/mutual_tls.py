"""gRPC over mutual TLS, as machines of a cluster speak it: who has no certificate of its CA gets nowhere."""

from __future__ import annotations

from typing import Any, Final

import grpc

from localcloud.cluster.credentials import Credentials
from localcloud.scoring.addresses import Endpoint

_PING_MS: Final = 1000
_PING_TIMEOUT_MS: Final = 1800
"""A peer that is silent is found within the sum of both, whether a call is under way or not."""

SERVER_OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    # Without this a second server on a taken port binds in silence, and gets a share of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", 10_000),
    # What clients' pings are allowed, and those that find clients which are gone.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", _PING_MS // 2),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)
_CHANNEL_OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    # Else a channel would take a connection that another one made, and not end it.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_time_ms", _PING_MS),
    # The first is for silence on the wire (TCP_USER_TIMEOUT), the second for a process that does not answer.
    ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
    # The least that an attempt to connect is given is also the most: it is tried again for ever.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Nodes are reached directly, whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
)


def channel(endpoint: Endpoint, credentials: Credentials) -> grpc.Channel:
    """A channel to a machine of the cluster, which connects at its first call.

    Raises:
        OSError: the files of the certificate cannot be read.
    """
    tls = grpc.ssl_channel_credentials(
        credentials.ca_file.read_bytes(),
        credentials.key_file.read_bytes(),
        credentials.certificate_file.read_bytes(),
    )
    return grpc.secure_channel(endpoint.target, tls, options=list(_CHANNEL_OPTIONS))


def server_credentials(credentials: Credentials) -> grpc.ServerCredentials:
    """A server's side, which takes connections of who has a certificate of the cluster's CA, and no others.

    The files are read again for new connections where they have changed.

    Raises:
        OSError: they cannot be read.
    """
    followed = _Followed(credentials)
    # That a fetcher may give None, grpc's documentation says and its stubs do not.
    return grpc.dynamic_ssl_server_credentials(
        followed.configuration(),
        followed.renewed,  # type: ignore[arg-type]
        True,
    )


class _Followed:
    """The files of a certificate, and when they were changed last."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._seen = self._changed()

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = self._credentials.key_file.read_bytes(), self._credentials.certificate_file.read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], self._credentials.ca_file.read_bytes())

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC for each new connection; None: the files are the same, or cannot be read now."""
        try:
            changed = self._changed()
            if changed == self._seen:
                return None
            configuration = self.configuration()
        except OSError:
            return None
        self._seen = changed
        return configuration

    def _changed(self) -> tuple[int, ...]:
        files = self._credentials
        return tuple(
            path.stat().st_mtime_ns for path in (files.ca_file, files.certificate_file, files.key_file)
        )
