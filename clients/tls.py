"""The certificates that a port serves, as any caller sees them."""

from __future__ import annotations

import hashlib
import socket
import ssl
from typing import Any, Final

from clients.azure.errors import ConnectionFailed, NoHandshake
from clients.dns.resolution import literal_address
from surroundings.tls import looking_context

TIMEOUT_S: Final = 10.0


def served_chain(host: str, port: int, server_name: str | None = None) -> list[bytes]:
    """The certificates that `host` sends in a TLS handshake, as DER, in the order in which they are sent.

    They are not verified: what is asked is which they are, and nothing is sent. `server_name` is the name
    that the handshake asks for (RFC 6066, 3); None: the host, where that is a name.

    Raises:
        NoHandshake: who listens there does not speak TLS, refuses, or says nothing.
        ConnectionFailed: nothing listens there.
    """
    context = looking_context()
    # a gRPC server closes a connection that does not offer HTTP/2 (RFC 7301)
    context.set_alpn_protocols(["h2", "http/1.1"])
    name = server_name or (host if literal_address(host) is None else None)
    action = f"reading the certificate at {host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=name) as secured:
                    return _sent(secured)
            except ssl.SSLError as error:
                reason = (error.reason or str(error)).lower().replace("_", " ")
                raise NoHandshake(action, reason, speaks_tls="alert" in reason) from None
            except ConnectionResetError as error:
                raise NoHandshake(action, _words(error), speaks_tls=False) from None
            except TimeoutError:
                reason = f"nothing is said within {TIMEOUT_S:g} s"
                raise NoHandshake(action, reason, speaks_tls=None) from None
    except OSError as error:
        raise ConnectionFailed(action, _words(error), sent=False) from None


def served_certificate(address: str, port: int, server_name: str | None = None) -> bytes | None:
    """The leaf certificate that is served there, as DER; None where TLS is not spoken.

    Raises:
        ConnectionFailed: as `served_chain`.
    """
    try:
        return next(iter(served_chain(address, port, server_name)), None)
    except NoHandshake as error:
        if error.speaks_tls is False:
            return None
        raise


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it: `AB:CD:…`."""
    return hashlib.sha256(der).digest().hex(":").upper()


def _sent(tls: ssl.SSLSocket) -> list[bytes]:
    """`get_unverified_chain` is public from Python 3.13 on; before, it is there below the surface."""
    connection: Any = tls
    if hasattr(connection, "get_unverified_chain"):
        return [bytes(one) for one in connection.get_unverified_chain() or []]
    chain = connection._sslobj.get_unverified_chain() or []
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain]


def _words(error: OSError) -> str:
    return error.strerror or str(error)
