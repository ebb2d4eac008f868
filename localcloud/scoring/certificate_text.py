"""Certificates as they are written: their PEM, and the public key in one.

A service is given whatever gRPC binds with, and gRPC's TLS stack decodes less of a certificate than the
library does: a serial number of zero or a damaged extension is for the caller to judge.
"""

from __future__ import annotations

import binascii
import datetime as dt
import re
import ssl
from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_BODY = re.compile("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@asn1.sequence
class _Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _Body:  # RFC 5280 section 4.1: TBSCertificate
    version: Annotated[int | None, asn1.Explicit(0)]
    serial_number: asn1.TLV
    algorithm: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    public_key: asn1.TLV
    issuer_identifier: Annotated[bytes | None, asn1.Implicit(1)]
    subject_identifier: Annotated[bytes | None, asn1.Implicit(2)]
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(3)]


@asn1.sequence
class _Certificate:
    body: _Body
    algorithm: asn1.TLV
    signature: asn1.TLV


def read_chain(text: str) -> list[bytes]:
    """The certificates in the PEM `text`, as DER.

    Raises:
        ValueError: one of them is not Base64, or no certificate.
    """
    chain = [binascii.a2b_base64("".join(body.split()), strict_mode=True) for body in _BODY.findall(text)]
    for der in chain:
        asn1.decode_der(_Certificate, der)
    return chain


def expiry(chain: list[bytes]) -> dt.datetime:
    """The end of a chain, UTC: of its leaf, or of whichever certificate above it ends first, a root apart.

    Callers have roots of their own. Raises ValueError where a time cannot be read.
    """
    bodies = [asn1.decode_der(_Certificate, der).body for der in chain]
    asked = [body for body in bodies[1:] if body.issuer.data != body.subject.data]
    ends: list[dt.datetime] = [
        body.validity.parse(_Validity).not_after.as_datetime() for body in (*bodies[:1], *asked)
    ]
    return min(ends).replace(tzinfo=dt.UTC)


def write_chain(chain: list[bytes]) -> bytes:
    """`chain` in canonical PEM."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, chain)).encode()


def public_key(der: bytes) -> PublicKeyTypes:
    """The public key of the certificate in `der`. Raises ValueError or UnsupportedAlgorithm."""
    certificate = asn1.decode_der(_Certificate, der)
    return serialization.load_der_public_key(asn1.encode_der(certificate.body.public_key))
