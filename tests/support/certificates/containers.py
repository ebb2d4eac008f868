"""Makes PKCS#12 containers, sound ones and odd ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.support.certificates.forge import intermediate, key_der, tlv
from tests.support.certificates.odd_bundles import GOOD

PASSWORD = "pässword 1"
_DATA = bytes.fromhex("06092a864886f70d010701")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_KEY_BAG = bytes.fromhex("060b2a864886f70d010c0a0101")
_CERTIFICATE_BAG = bytes.fromhex("060b2a864886f70d010c0a0103")
_X509_CERTIFICATE = bytes.fromhex("060a2a864886f70d01091601")


def container(
    private_key: Any = GOOD.key,
    certificate: x509.Certificate | None = GOOD.certificate,
    others: Sequence[x509.Certificate] = (intermediate().certificate,),
    password: str | None = PASSWORD,
    pbes: pkcs12.PBES | None = None,
) -> bytes:
    """A container as the library writes it; with few rounds, for what is tested is not its strength."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(10)
        if pbes is not None:
            builder = builder.key_cert_algorithm(pbes)
        encryption = builder.build(password.encode())
    return pkcs12.serialize_key_and_certificates(b"tls", private_key, certificate, others, encryption)


def open_container(keys: Sequence[Any], certificates: Sequence[bytes]) -> bytes:
    """A container without encryption and without a MAC, with these keys (or their DER), and certificates."""
    bags = [_explicit(_KEY_BAG, one if isinstance(one, bytes) else key_der(one)) for one in keys]
    for der in certificates:
        bags.append(_explicit(_CERTIFICATE_BAG, _explicit(_X509_CERTIFICATE, tlv(0x04, der))))
    return _pfx(_DATA, tlv(0x30, b"".join(bags)))


def sealed_container() -> bytes:
    """The start of a container of the public-key mode: what it is shows there already."""
    return _pfx(_SIGNED_DATA, b"")


def in_ber(der: bytes) -> bytes:
    """A container whose outermost value has an indefinite length."""
    header = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    return b"\x30\x80" + der[header:] + b"\x00\x00"


def _pfx(kind: bytes, contents: bytes) -> bytes:
    safe = tlv(0x30, _explicit(_DATA, tlv(0x04, contents))) if kind == _DATA else contents
    return tlv(0x30, b"\x02\x01\x03" + _explicit(kind, tlv(0x04, safe)))


def _explicit(identifier: bytes, value: bytes) -> bytes:
    return tlv(0x30, identifier + tlv(0xA0, value))
