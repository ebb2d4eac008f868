"""The TLS contexts of this project's own processes, which trust the same on every Python.

Nothing else in the project makes a context (docs/adr/0018). Imports the standard library alone, for `fpga`
needs one on every command.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

VERIFY_FLAGS: Final = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
"""How a chain is verified: as gRPC does (`ssl_transport_security.cc`), which makes the calls to a service.

A certificate that was given is trusted, be it a root, an intermediate or a leaf. VERIFY_X509_STRICT, which
`ssl.create_default_context` sets from Python 3.13 on, is not among them.
"""

_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's `x509_vfy.h`."""


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


def pinned_context(cafile: Path | str) -> ssl.SSLContext:
    """A context that takes the very certificates of a file and no other, whatever their names and dates.

    Raises:
        OSError: as `client_context`.
    """
    context = client_context(cafile=cafile)
    context.check_hostname = False
    context.verify_flags = ssl.VerifyFlags(VERIFY_FLAGS | _NO_CHECK_TIME)
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


class ServerContexts:
    """The context of a listener whose chain and key change while it listens.

    Each pair gets a context of its own: one that had an RSA key, and then one on a curve, would go on to show
    the old one to whoever takes it.

    Attributes:
        listening: the context to listen with; each handshake goes on with that of the newest pair.

    Raises:
        OSError: as ssl.SSLError: the chain or the key is none, or they do not fit.
    """

    def __init__(self, chain: bytes, key: bytes) -> None:
        self.listening = self._newest = _in_memory(chain, key)
        # called for each handshake, whether the client names a server or not
        self.listening.sni_callback = self._choose

    def show(self, chain: bytes, key: bytes) -> None:
        """Shows this chain to each connection from now on; those that are open go on.

        Raises:
            OSError: as ssl.SSLError: they cannot be shown; that of before goes on to be.
        """
        self._newest = _in_memory(chain, key)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _listening: ssl.SSLContext) -> None:
        connection.context = self._newest


def _in_memory(chain: bytes, key: bytes) -> ssl.SSLContext:
    """A context that serves a chain and key, both PEM, which are in no file."""
    with _as_file(chain.rstrip() + b"\n" + key) as path:
        return server_context(path, path)


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """A path for a library that reads nothing but paths: on Linux of memory, elsewhere of a private file."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield Path(file.name)
        return
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as memory:
        memory.write(content)
        memory.flush()
        yield Path(f"/proc/self/fd/{descriptor}")
