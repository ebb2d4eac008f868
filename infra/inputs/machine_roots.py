"""The roots of authorities that this machine's programs trust."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


def read() -> list[x509.Certificate]:
    """Reads the roots in SSL_CERT_FILE, or in OpenSSL's own file; none where they are in a folder, which only
    looking for each one would open.
    """
    from certs.formats import UNPARSABLE, parse_certificate
    from surroundings.tls import client_context

    found = []
    for each in client_context().get_ca_certs(binary_form=True):
        # one that cannot be read is nobody's authority
        with contextlib.suppress(*UNPARSABLE):
            found.append(parse_certificate(each))
    return found
