"""A TLS handshake in memory with a caller that verifies strictly, as Python 3.13 and later do."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from surroundings.tls import VERIFY_FLAGS, server_context
from tests.support.certificates.forge import Made, chain

STRICT = VERIFY_FLAGS | ssl.VERIFY_X509_STRICT


def refusal(folder: Path, sent: Sequence[Made], roots: Sequence[Made], fqdn: str, *, strict: bool) -> str:
    """Why a caller who holds these roots refuses the chain, in OpenSSL's words; empty if it is taken."""
    certificate, key = folder / "chain.pem", folder / "key.pem"
    certificate.write_bytes(chain(*sent))
    key.write_bytes(sent[0].key_pem)
    return refusal_of(certificate, key, [one.certificate for one in roots], fqdn, strict=strict)


def refusal_of(
    certificate: Path, key: Path, roots: Sequence[x509.Certificate], fqdn: str, *, strict: bool
) -> str:
    """As `refusal`, of a chain and key in PEM files."""
    # made from nothing, not by the project: it is to be a stranger's
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags = STRICT if strict else VERIFY_FLAGS
    for root in roots:
        context.load_verify_locations(cadata=root.public_bytes(Encoding.DER))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=fqdn)
    server = server_context(certificate, key).wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    assert client.version() is not None
    return ""
