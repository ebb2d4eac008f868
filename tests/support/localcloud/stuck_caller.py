"""Callers that are stuck: with half a message in HTTP/2 as it is on the wire (RFC 9113), or before TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat

from clients.wire.tensorflow_serving import METHOD
from localcloud.scoring.addresses import Endpoint
from tests.support.localcloud.scoring_parts import SERVER_NAME

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_HEADERS = 4
# a ClientHello of 508 bytes begins (RFC 8446, sections 4.1.2 and 5.1)
_HELLO = bytes.fromhex("16030102000100 01fc0303") + bytes(506)


@contextmanager
def stuck_caller(
    endpoint: Endpoint,
    root_pem: bytes | None = None,
    key: str | None = None,
    trickle_s: float | None = None,
) -> Iterator[None]:
    """Has a call at a service under way, for as long as the context lasts.

    Args:
        trickle_s: after how many seconds the next byte of the message goes; None: none does.
    """
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
        with _trickling(connection, repeat(_frame(_DATA, 0, 1, b"\0")), trickle_s):
            yield


@contextmanager
def silent_caller(endpoint: Endpoint, trickle_s: float | None = None) -> Iterator[None]:
    """Has a connection to a service that never ends its TLS handshake, for as long as the context lasts.

    Args:
        trickle_s: after how many seconds the next byte of the handshake goes; None: none does.
    """
    with _connected(endpoint, None) as connection, _trickling(connection, _single(_HELLO), trickle_s):
        yield


def _single(content: bytes) -> Iterator[bytes]:
    return (bytes([byte]) for byte in content)


@contextmanager
def _trickling(
    connection: socket.socket, pieces: Iterator[bytes], interval_s: float | None
) -> Iterator[None]:
    """Sends one piece after another, where there is an interval, until it is cut off."""
    over = threading.Event()

    def send() -> None:
        with suppress(OSError):
            while not over.wait(interval_s):
                connection.sendall(next(pieces, b""))

    sender = threading.Thread(target=send)
    if interval_s is not None:
        sender.start()
    try:
        yield
    finally:
        over.set()
        if interval_s is not None:
            sender.join()


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
