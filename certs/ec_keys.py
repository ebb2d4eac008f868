"""Private keys of elliptic curves in which the private number has too few octets or too many.

RFC 5915 (3) asks for as many as the curve's order has; tools of old left leading zeros away, others added
one. OpenSSL and BoringSSL take the number whatever its length; the library does so in PKCS#12 alone.
"""

from __future__ import annotations

from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ObjectIdentifier

_EC_PUBLIC_KEY = ObjectIdentifier("1.2.840.10045.2.1")


@asn1.sequence
class _EcPrivateKey:  # RFC 5915 section 3
    version: int
    octets: bytes
    curve: Annotated[ObjectIdentifier | None, asn1.Explicit(0)]
    public: Annotated[asn1.BitString | None, asn1.Explicit(1)]


@asn1.sequence
class _Algorithm:
    identifier: ObjectIdentifier
    curve: ObjectIdentifier


@asn1.sequence
class _PrivateKeyInfo:  # RFC 5958 section 2
    version: int
    algorithm: _Algorithm
    octets: bytes
    attributes: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    public: Annotated[asn1.BitString | None, asn1.Implicit(1)]


def read(der: bytes) -> tuple[ec.EllipticCurvePrivateKey, int, int] | None:
    """The key in `der` (PKCS#8 or RFC 5915), how many octets its number has, and how many it should; None
    where the length of its number is not what is odd.
    """
    try:
        held, identifier = _held(der)
        curve = ec.get_curve_for_oid(identifier)()
        key = ec.derive_private_key(int.from_bytes(held.octets), curve)
    except (ValueError, LookupError):
        return None
    given, wanted = len(held.octets), (curve.group_order.bit_length() + 7) // 8
    if given == wanted or not (held.public is None or _is_public_half(held.public.as_bytes(), key)):
        return None
    return key, given, wanted


def _is_public_half(point: bytes, key: ec.EllipticCurvePrivateKey) -> bool:
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
    except ValueError:
        return False
    return public == key.public_key()


def _held(der: bytes) -> tuple[_EcPrivateKey, ObjectIdentifier]:
    try:
        info = asn1.decode_der(_PrivateKeyInfo, der)
    except ValueError:
        alone = asn1.decode_der(_EcPrivateKey, der)
        if alone.curve is None:
            raise ValueError("no curve is named") from None
        return alone, alone.curve
    if info.algorithm.identifier != _EC_PUBLIC_KEY:
        raise ValueError("a key of another kind")
    return asn1.decode_der(_EcPrivateKey, info.octets), info.algorithm.curve
