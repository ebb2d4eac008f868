"""The roots that a client trusts: from an argument, or from the file that gRPC's own variable names."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from certs import pem, text
from certs.findings import Origin, errors_in
from clients.prediction.errors import RootCertificatesError
from surroundings.tls import client_context

VARIABLE = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"


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
    origin = Origin(source, "roots.pem")
    found = pem.split(text.decode(roots, origin)[0], origin)
    blocks = [block for block in found.blocks if block.label == "CERTIFICATE"]
    broken = errors_in(found.findings)
    damaged = RootCertificatesError(f"{source}: a PEM certificate in it is damaged.")
    if any(finding.code.startswith("pem-body") for finding in broken):
        raise damaged
    if broken or not blocks:
        raise RootCertificatesError(
            f"{source}: there {'is a broken' if blocks else 'is no'} PEM certificate "
            "(-----BEGIN CERTIFICATE----- … -----END CERTIFICATE-----)."
        )
    canonical = "".join(ssl.DER_cert_to_PEM_cert(block.der) for block in blocks)
    try:
        client_context(cadata=canonical)
    except ssl.SSLError:
        raise damaged from None
    return canonical.encode()
