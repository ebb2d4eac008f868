"""Formats of files: certificates in DER, decoded; and files that are not PEM, told apart for their errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.utils import CryptographyDeprecationWarning

from certs import pem
from certs.findings import CERTIFICATE_ORIGIN, Finding, Origin, error, errors_in
from certs.odd_certificate import UNPARSABLE, OddCertificate, UndecodableError
from certs.pem import der_length

__all__ = ["UNPARSABLE", "not_pem", "parse_certificate", "parse_chain"]

_OID_PKCS7 = bytes.fromhex("06092a864886f70d0107")
_JAVA_KEYSTORE = bytes.fromhex("feedfeed")
_START = 40
"""Octets in which the version of a PFX (RFC 7292: 3) or the content type of a PKCS#7 (RFC 2315) stands."""


def is_pkcs12(data: bytes) -> bool:
    """Whether `data` begins as a PKCS#12 container does."""
    start = data[:_START]
    return start[:1] == b"\x30" and b"\x02\x01\x03\x30" in start and _OID_PKCS7 in start


def not_pem(data: bytes, origin: Origin, *, wants_key: bool) -> Finding:
    """The finding for `data` that holds no PEM block, where a key or a certificate chain is wanted."""
    if data.startswith(_JAVA_KEYSTORE):
        return error(
            "java-keystore",
            origin.label,
            "is a Java keystore, not PEM.",
            f"Convert it first: keytool -importkeystore -srckeystore {origin.source} -destkeystore tls.pfx "
            "-deststoretype PKCS12",
        )
    if data[0] != 0x30 or der_length(data) is None:  # not a SEQUENCE, which all that follows are
        return error(
            "not-pem",
            origin.label,
            "holds no PEM block: no line begins with '-----BEGIN'.",
            f"It must hold {'one private key' if wants_key else 'the certificate chain'} in PEM.",
        )
    if is_pkcs12(data):
        take = "-nodes -nocerts" if wants_key else "-nokeys"
        return error(
            "pkcs12",
            origin.label,
            "is a PKCS#12 (PFX) container, not PEM, whatever its name.",
            f"Convert it: openssl pkcs12 -in {origin.source} {take} -out {origin.converted}",
        )
    if _OID_PKCS7 + b"\x02" in data[:_START]:
        return error(
            "pkcs7",
            origin.label,
            "is a PKCS#7 container in DER, not PEM.",
            f"Convert it: openssl pkcs7 -inform DER -in {origin.source} -print_certs -out {origin.converted}",
        )
    found = kind_of(data)
    if found is not None:
        convert = f"Convert it: openssl {found.tool} -inform DER -in {origin.source} -out {origin.converted}"
        message = f"is {found.what} in DER, not PEM."
        return error("der", origin.label, message, convert if found.tool else found.remedy)
    return error(
        "not-pem", origin.label, "is binary, and neither PEM nor a format that is known.", "Use PEM."
    )


def parse_certificate(der: bytes) -> x509.Certificate:
    """The certificate in `der`, wholly decoded; one that breaks RFC 5280 where no TLS stack minds is an
    `OddCertificate`.

    Raises:
        UNPARSABLE: one of these; it is no certificate.
    """
    with warnings.catch_warnings():
        # a country of more than two letters, say: nobody who calls decides by it
        warnings.simplefilter("ignore", UserWarning)
        # What the library warns of in these words (a serial number of zero, say) it soon refuses to read.
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        try:
            return _decoded(x509.load_der_x509_certificate(der))
        except UNPARSABLE as why:
            try:
                return _decoded(cast("x509.Certificate", OddCertificate(der)))
            except UndecodableError:
                raise
            except UNPARSABLE:
                raise why from None


def _decoded(certificate: x509.Certificate) -> x509.Certificate:
    """All of it is decoded when it is first asked for: now, so that nobody meets an error later."""
    _ = certificate.extensions, certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.version
    return certificate


def parse_chain(text: str) -> list[x509.Certificate]:
    """The certificates in the PEM `text` that this project wrote.

    Raises:
        UNPARSABLE: one of these; there is something else.
    """
    found = pem.split(text, CERTIFICATE_ORIGIN)
    if not found.blocks or errors_in(found.findings):
        raise ValueError("not a certificate chain in PEM")
    return [parse_certificate(block.der) for block in found.blocks]


def _load_request(data: bytes) -> None:
    x509.load_der_x509_csr(data)


def _load_public_key(data: bytes) -> None:
    serialization.load_der_public_key(data)


def _load_private_key(data: bytes) -> None:
    try:
        serialization.load_der_private_key(data, None)
    except TypeError:
        return  # it is one, and encrypted


@dataclass(frozen=True)
class DerKind:
    """A kind of DER file.

    Attributes:
        what: names it in a message.
        load: decodes it, or raises.
        tool: the command of OpenSSL that makes PEM of it; empty: none does.
        remedy: what to do where no command does.
    """

    what: str
    load: Callable[[bytes], object]
    tool: str = ""
    remedy: str = ""


_DER = (
    DerKind("a certificate", parse_certificate, tool="x509"),
    DerKind("a private key", _load_private_key, tool="pkey"),
    DerKind("a public key", _load_public_key, remedy="Give the private key that was made with it, in PEM."),
    DerKind(
        "a signing request",
        _load_request,
        remedy="Give the certificate that the authority made from it, in PEM.",
    ),
)


def kind_of(data: bytes) -> DerKind | None:
    """The kind of the DER file `data`, or None."""
    return next((kind for kind in _DER if _loads(kind.load, data)), None)


def _loads(load: Callable[[bytes], object], data: bytes) -> bool:
    try:
        load(data)
    except UNPARSABLE:
        return False
    return True
