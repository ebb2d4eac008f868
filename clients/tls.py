"""What a service shows on the wire: its certificate, as any caller sees it."""

from __future__ import annotations

import hashlib
import socket
import ssl
from typing import Final

from clients.azure.errors import ConnectionFailed
from surroundings.tls import looking_context

TIMEOUT_S: Final = 10.0


def served_certificate(address: str, port: int, server_name: str | None = None) -> bytes | None:
    """The leaf certificate that `address` serves, as DER; None if it does not speak TLS.

    The certificate is not verified: what is asked is which one it is. `server_name` is the name that the
    handshake asks for (RFC 6066, 3).

    Raises:
        ConnectionFailed: nothing listens there, or it says nothing.
    """
    context = looking_context()
    # a gRPC server closes a connection that does not offer HTTP/2 (RFC 7301)
    context.set_alpn_protocols(["h2"])
    where = f"reading the certificate at {address}:{port}"
    try:
        with socket.create_connection((address, port), timeout=TIMEOUT_S) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=server_name) as secured:
                    return secured.getpeercert(binary_form=True)
            except ssl.SSLError as error:
                if "ALERT" in (error.reason or ""):
                    raise  # TLS it is: the server says so itself
                return None
            except ConnectionResetError:
                return None
    except OSError as error:
        raise ConnectionFailed(where, str(error), sent=False) from None


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it: `AB:CD:…`."""
    return hashlib.sha256(der).digest().hex(":").upper()
