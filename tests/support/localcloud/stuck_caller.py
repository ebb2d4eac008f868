"""A caller that sends the half of a message and then nothing, in HTTP/2 as it is on the wire (RFC 9113)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from clients.wire.tensorflow_serving import METHOD
from localcloud.scoring.addresses import Endpoint
from tests.support.localcloud.scoring_parts import SERVER_NAME

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_HEADERS = 4


@contextmanager
def stuck_caller(endpoint: Endpoint, root_pem: bytes | None = None, key: str | None = None) -> Iterator[None]:
    """Has a call at a service under way, for as long as the context lasts."""
    headers = {
        ":method": "POST",
        ":scheme": "https" if root_pem else "http",
        ":path": METHOD,
        ":authority": SERVER_NAME,
        "te": "trailers",
        "content-type": "application/grpc",
    }
    if key is not None:
        headers["authorization"] = key
    # a message of 70,000 bytes begins (gRPC over HTTP/2, length-prefixed message)
    begun = b"\0" + (70_000).to_bytes(4, "big") + bytes(100)
    with _connected(endpoint, root_pem) as connection:
        connection.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, b"")
            + _frame(_HEADERS, _END_HEADERS, 1, b"".join(map(_literal, headers, headers.values())))
            + _frame(_DATA, 0, 1, begun)
        )
        yield


def _connected(endpoint: Endpoint, root_pem: bytes | None) -> socket.socket:
    connection = socket.create_connection(endpoint, timeout=20)
    if root_pem is None:
        return connection
    context = ssl.create_default_context(cadata=root_pem.decode())
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(connection, server_hostname=SERVER_NAME)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name: str, value: str) -> bytes:
    """A field that is not indexed, with its name (RFC 7541, section 6.2.2)."""
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
