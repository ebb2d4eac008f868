"""The DNS names that a service's certificate is for, as a listener tells callers apart by them."""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509

_NAME: Final = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def of_chain(certificate_pem: bytes) -> tuple[str, ...]:
    """The DNS names of a chain's leaf, in lower case (RFC 5280 section 4.2.1.6, RFC 6066 section 3).

    None where they cannot be read: of a certificate with a damaged extension callers are to judge.
    """
    try:
        leaf = x509.load_pem_x509_certificate(certificate_pem)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [name.lower().rstrip(".") for name in names.get_values_for_type(x509.DNSName)]
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return ()
    return tuple(dict.fromkeys(name for name in found if _NAME.fullmatch(name)))
