"""PKCS#12 containers (RFC 7292): what is in one, as far as it shows without its password.

The library opens a container all at once: it takes the first of several keys in silence, and says the same of
a wrong password and of an altered file. What is read here tells these apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import ObjectIdentifier

_DATA = ObjectIdentifier("1.2.840.113549.1.7.1")
_ENCRYPTED_DATA = ObjectIdentifier("1.2.840.113549.1.7.6")
_KEY_BAG = ObjectIdentifier("1.2.840.113549.1.12.10.1.1")
_SHROUDED_KEY_BAG = ObjectIdentifier("1.2.840.113549.1.12.10.1.2")
_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_USUAL_ENCRYPTIONS = (
    "1.2.840.113549.1.12.1.",  # appendix C: RC4, RC2 and triple DES with SHA-1
    "2.16.840.1.101.3.4.1.",  # AES
    "1.2.840.113549.3.7",  # triple DES
)
_LEGACY_ENCRYPTIONS = tuple(f"1.2.840.113549.1.12.1.{arc}" for arc in (1, 2, 5, 6))
"""RC4 and RC2: OpenSSL 3 reads them with `-legacy` alone."""


@asn1.sequence
class _Algorithm:
    identifier: ObjectIdentifier
    parameters: asn1.TLV


@asn1.sequence
class _Pbes2Parameters:  # RFC 8018 appendix A.4
    derivation: asn1.TLV
    scheme: _Algorithm


@asn1.sequence
class _EncryptedKey:  # RFC 5958 section 3
    algorithm: _Algorithm
    octets: bytes


@asn1.sequence
class _EncryptedContent:
    kind: ObjectIdentifier
    algorithm: _Algorithm
    octets: Annotated[bytes | None, asn1.Implicit(0)]


@asn1.sequence
class _EncryptedData:
    version: int
    content: _EncryptedContent


@asn1.sequence
class _Content:
    kind: ObjectIdentifier
    value: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class _Contents:
    items: list[_Content]


@asn1.sequence
class _Bag:
    kind: ObjectIdentifier
    value: Annotated[asn1.TLV, asn1.Explicit(0)]
    attributes: asn1.SetOf[asn1.TLV] | None


@asn1.sequence
class _Bags:
    items: list[_Bag]


@asn1.sequence
class _Mac:
    digest: asn1.TLV
    salt: bytes
    iterations: Annotated[int, asn1.Default(1)]


@asn1.sequence
class _Pfx:
    version: int
    authenticated_safe: _Content
    mac: _Mac | None


class SealedError(ValueError):
    """A container of the public-key modes (RFC 7292 section 4), which no usual tool writes."""


@dataclass(frozen=True)
class Container:
    """A container, as far as it shows without its password: its keys that are not within encrypted contents
    (none of the usual tools puts one there), the identifiers of its encryptions, and whether a password
    guards it.
    """

    plain_keys: int
    shrouded_keys: tuple[bytes, ...] = field(repr=False)
    encryptions: frozenset[str]
    has_mac: bool

    @property
    def keys(self) -> int:
        """The number of private keys."""
        return self.plain_keys + len(self.shrouded_keys)

    @property
    def has_password(self) -> bool:
        """Whether a password makes a difference."""
        return self.has_mac or bool(self.encryptions)

    @property
    def is_legacy(self) -> bool:
        """Whether OpenSSL 3 needs `-legacy` to read it."""
        return not self.encryptions.isdisjoint(_LEGACY_ENCRYPTIONS)

    @property
    def unusual_encryptions(self) -> tuple[str, ...]:
        """Identifiers of encryptions that none of the usual tools uses."""
        return tuple(sorted(one for one in self.encryptions if not one.startswith(_USUAL_ENCRYPTIONS)))

    def opens_with(self, password: str | None) -> bool:
        """Whether `password` decrypts one of the keys."""
        secret = (password or "").encode("utf-8", "replace")
        return any(_decrypts(key, secret) for key in self.shrouded_keys)


def parse(data: bytes) -> Container:
    """The container in `data` (DER).

    Raises:
        SealedError: a public key guards it.
        ValueError: it is none, or is damaged.
    """
    pfx = asn1.decode_der(_Pfx, data)
    if pfx.authenticated_safe.kind != _DATA:
        raise SealedError("authenticated by a public key, not by a password")
    plain, shrouded, encryptions = 0, [], set[str]()
    for content in asn1.decode_der(_Contents, _sequence(pfx.authenticated_safe)).items:
        if content.kind == _ENCRYPTED_DATA:
            encryptions.add(_encryption(content.value.parse(_EncryptedData).content.algorithm))
        for bag in _bags(content):
            plain += bag.kind == _KEY_BAG
            if bag.kind == _SHROUDED_KEY_BAG:
                key = bag.value.parse(_EncryptedKey)
                encryptions.add(_encryption(key.algorithm))
                shrouded.append(asn1.encode_der(key))
    return Container(plain, tuple(shrouded), frozenset(encryptions), pfx.mac is not None)


def _bags(content: _Content) -> Iterator[_Bag]:
    if content.kind == _DATA:
        yield from asn1.decode_der(_Bags, _sequence(content)).items


def _sequence(content: _Content) -> bytes:
    """The SEQUENCE OF that the octets of `content` hold, in a SEQUENCE of its own: what the decoder
    wants.
    """
    octets: bytes = asn1.encode_der(content.value.parse(bytes))
    return b"\x30" + octets[1:]


def _encryption(algorithm: _Algorithm) -> str:
    if algorithm.identifier == _PBES2:
        parameters: _Pbes2Parameters = algorithm.parameters.parse(_Pbes2Parameters)
        return parameters.scheme.identifier.dotted_string
    return algorithm.identifier.dotted_string


def _decrypts(key: bytes, password: bytes) -> bool:
    try:
        serialization.load_der_private_key(key, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
