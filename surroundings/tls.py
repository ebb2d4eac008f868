"""The TLS contexts of this project's own processes, which trust the same on every Python.

Nothing else in the project makes a context (docs/adr/0018). Imports the standard library alone, for `fpga`
needs one on every command.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

VERIFY_FLAGS: Final = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
"""How a chain is verified: as gRPC does (`ssl_transport_security.cc`), which makes the calls to a service.

A certificate that was given is trusted, be it a root, an intermediate or a leaf. VERIFY_X509_STRICT, which
`ssl.create_default_context` sets from Python 3.13 on, is not among them.
"""


def client_context(*, cafile: Path | str | None = None, cadata: str | None = None) -> ssl.SSLContext:
    """A context that verifies whom it connects to, chain and name.

    Args:
        cafile: PEM file of the roots to trust.
        cadata: PEM of the roots to trust.

    Where neither is given the system's roots are trusted (SSL_CERT_FILE and SSL_CERT_DIR, else OpenSSL's).

    Raises:
        OSError: `cafile` cannot be read; as ssl.SSLError: what was given is no certificate.
    """
    context = ssl.create_default_context(cafile=cafile, cadata=cadata)
    context.verify_flags = VERIFY_FLAGS
    return context


def looking_context() -> ssl.SSLContext:
    """A context that connects to whoever is there, to see what they show: nothing is to be sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context that serves the chain and key in these PEM files, over TLS 1.2 or newer, to anyone.

    Raises:
        OSError: a file cannot be read; as ssl.SSLError: what it holds is not a chain, or not its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
