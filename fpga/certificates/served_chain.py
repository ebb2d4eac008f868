"""The certificates that an endpoint shows to whoever connects."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final

from clients.name_resolution import literal_address
from fpga.errors import CommandError
from surroundings.tls import looking_context

TIMEOUT_S: Final = 10.0


def served_chain(host: str, port: int, server_name: str | None) -> list[bytes]:
    """The certificates that `host` sends in a TLS handshake, as DER, in the order in which they are sent.

    They are not verified: what is asked is which they are, and nothing is sent. `server_name` is the name
    that the handshake asks for (RFC 6066 section 3); None: the host, where that is a name.

    Raises:
        CommandError: nothing answers there, or not with TLS.
    """
    context = looking_context()
    # A gRPC server closes a connection that does not offer HTTP/2 (RFC 7301).
    context.set_alpn_protocols(["h2", "http/1.1"])
    name = server_name or (host if literal_address(host) is None else None)
    try:
        with (
            socket.create_connection((host, port), timeout=TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            return _sent(tls)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        raise CommandError(f"{host}:{port} does not complete a TLS handshake: {reason}.") from None
    except TimeoutError:
        raise CommandError(
            f"{host}:{port} gives no answer within {TIMEOUT_S:g} s: does it speak TLS?"
        ) from None
    except OSError as error:
        raise CommandError(f"{host}:{port} cannot be reached: {error.strerror or error}.") from None


def _sent(tls: ssl.SSLSocket) -> list[bytes]:
    """`get_unverified_chain` is public from Python 3.13 on; before, it is there below the surface."""
    connection: Any = tls
    if hasattr(connection, "get_unverified_chain"):
        return [bytes(one) for one in connection.get_unverified_chain() or []]
    chain = connection._sslobj.get_unverified_chain() or []
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain]
