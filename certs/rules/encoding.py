"""Rules of writing: a certificate is as RFC 5280 has it. What TLS stacks take all the same is a warning."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from certs.chain import canonical_name
from certs.findings import Finding, warning
from certs.odd_certificate import OddCertificate

MAXIMUM_SERIAL_NUMBER_BITS = 159
"""Of a serial number in 20 octets, the first bit being its sign (section 4.1.2.2)."""
_STRICT = "TLS stacks take it; strict programs may not. Have it issued anew at the next renewal."


def check_encoding(certificate: x509.Certificate, subject: str) -> Iterator[Finding]:
    """Findings about how `certificate` is written."""
    number = certificate.serial_number
    if number <= 0 or number.bit_length() > MAXIMUM_SERIAL_NUMBER_BITS:
        if number > 0:
            what = f"of {(number.bit_length() + 8) // 8} octets, where RFC 5280 has 20 at most"
        else:
            what = f"that is {'zero' if number == 0 else 'negative'}, where RFC 5280 has a positive one"
        yield warning("serial-number-invalid", subject, f"has a serial number {what}.", _STRICT)
    yield from _check_odd(certificate, subject)


def check_spelling(child: x509.Certificate, issuer: x509.Certificate, subject: str) -> Iterator[Finding]:
    """Findings about how `child` writes the name of `issuer`, which issued it."""
    written, own = child.issuer.public_bytes(), issuer.subject.public_bytes()
    if written != own and canonical_name(child.issuer) == canonical_name(issuer.subject):
        message = "writes its issuer's name in other octets than that one's own certificate does."
        remedy = "OpenSSL and gRPC take it, Go does not. Have it issued anew at the next renewal."
        yield warning("issuer-name-spelling", subject, message, remedy)


def _check_odd(certificate: object, subject: str) -> Iterator[Finding]:
    if not isinstance(certificate, OddCertificate):
        return
    if certificate.null_parameters:
        message = "is signed with ECDSA, and NULL stands where RFC 5758 has no parameters."
        yield warning("signature-parameters-null", subject, message, _STRICT)
    if certificate.malformed_names:
        message = "has a name with characters that its type of text does not allow."
        yield warning("name-text-invalid", subject, message, _STRICT)
    for identifier in certificate.malformed:
        message = f"has an extension ({identifier.dotted_string}) that is not written as its type asks for."
        yield warning("extension-malformed", subject, message, _STRICT)
