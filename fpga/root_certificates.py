"""The roots that a client trusts: from an argument, or from the file that gRPC's own variable names."""

from __future__ import annotations

import binascii
import os
import re
import ssl
from pathlib import Path

from fpga.prediction_errors import RootCertificatesError
from wire.tls import client_context

VARIABLE = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def read(roots: bytes | str | Path | None) -> bytes | None:
    """Canonical PEM of the roots to trust; None for those that come with gRPC.

    gRPC reads its variable once a process and passes over a file that is not there or is damaged; here each
    client reads it, and says so. gRPC's PEM reader is strict too (a BOM or CR line ends are not taken).

    Args:
        roots: PEM bytes, or a file; None for the file that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, if set.

    Raises:
        RootCertificatesError: the file cannot be read, or holds no certificate, or a broken one.
    """
    source = "root_certificates"
    if roots is None:
        named = os.environ.get(VARIABLE)
        if not named:
            return None
        roots, source = Path(named), VARIABLE
    if not isinstance(roots, bytes):
        path = Path(roots)
        try:
            roots = path.read_bytes()
        except OSError as error:
            raise RootCertificatesError(
                f"{source}: the root certificates in {path} cannot be read: {error.strerror}."
            ) from None
        source = f"{source}: {path}"
    blocks = _BLOCK.findall(roots)
    if not blocks or len(blocks) != roots.count(b"-----BEGIN CERTIFICATE-----"):
        raise RootCertificatesError(
            f"{source}: there {'is a broken' if blocks else 'is no'} PEM certificate "
            "(-----BEGIN CERTIFICATE----- … -----END CERTIFICATE-----)."
        )
    try:
        pem = "".join(
            ssl.DER_cert_to_PEM_cert(binascii.a2b_base64(block, strict_mode=False)) for block in blocks
        )
        client_context(cadata=pem)
    except (binascii.Error, ssl.SSLError):
        raise RootCertificatesError(f"{source}: a PEM certificate in it is damaged.") from None
    return pem.encode()
