"""Certificates that are not written as RFC 5280 has it, and that TLS stacks take: each with its warning.

The library writes none of these; what it would not load is made by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.x509.name import _ASN1Type as TextType

from tests.support.certificates.forge import (
    FQDN,
    Made,
    authority,
    chain,
    intermediate,
    key,
    leaf,
    rewritten,
    root,
    tlv,
    written,
)
from tests.support.certificates.odd_bundles import Case, Texts

AUTHORITY_INFORMATION = "1.3.6.1.5.5.7.1.1"
ALTERNATIVE_NAME = "2.5.29.17"
CRL_POINTS = "2.5.29.31"
POLICIES = "2.5.29.32"
AUTHORITY_KEY = "2.5.29.35"
TIMESTAMPS = "1.3.6.1.4.1.11129.2.4.2"
DNS = tlv(0x82, FQDN.encode())
URI = tlv(0x86, "http://ca.test/prüfstelle".encode("latin-1"))

SERIAL_NUMBERS = {
    "serial number of zero": (b"\x00", "that is zero"),
    "negative serial number": (b"\xfb", "that is negative"),
    "serial number of 25 octets": (b"\x11" * 25, "of 25 octets, where RFC 5280 has 20"),
    "serial number of 21 octets, the sign's among them": (b"\x00" + b"\xff" * 20, "of 21 octets"),
}
"""The content of a serial number, and what is said of it."""

EXTENSIONS = {
    "address of the issuer beyond ASCII": written(
        AUTHORITY_INFORMATION, tlv(0x30, tlv(0x30, bytes.fromhex("06082b06010505073002") + URI))
    ),
    "information that is none": written(AUTHORITY_INFORMATION, b"\x05\x00"),
    "timestamps that are none": written(TIMESTAMPS, b"\x04\x03abc"),
    "address of a revocation list beyond ASCII": written(
        CRL_POINTS, tlv(0x30, tlv(0x30, tlv(0xA0, tlv(0xA0, URI))))
    ),
    "policy text beyond ASCII": written(
        POLICIES,
        tlv(
            0x30,
            tlv(
                0x30,
                bytes.fromhex("06092b0601040182371515")
                + tlv(
                    0x30,
                    tlv(
                        0x30,
                        bytes.fromhex("06082b06010505070202")
                        + tlv(0x30, tlv(0x1A, "Prüfung der Stelle".encode("latin-1"))),
                    ),
                ),
            ),
        ),
    ),
}
"""Extensions that cannot be decoded as they stand, and decide nothing."""

ALTERNATIVE_NAMES = {
    "mail address beyond ASCII": tlv(0x81, "prüfer@example.com".encode("latin-1")),
    "name of the form x400Address": tlv(0xA3, b""),
    "name of the form ediPartyName": tlv(0xA5, tlv(0xA1, tlv(0x0C, b"x"))),
}
"""Names that stand beside the DNS name and cannot be decoded."""


NAME_TEXTS = {
    "asterisk in a PrintableString": tlv(0x13, b"*.example.com"),
    "mail address in a PrintableString": tlv(0x13, b"box@example.com"),
    "Latin-1 in a TeletexString": tlv(0x14, "Prüfdienst".encode("latin-1")),
    "Latin-1 in an IA5String": tlv(0x16, "Prüfdienst".encode("latin-1")),
}
"""Common names with characters that their type of text does not allow."""


def common_name(text: bytes) -> bytes:
    """A name in DER, of one common name with the text in DER."""
    return tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403") + text)))


def names(*general: bytes) -> tuple[x509.ExtensionType, bool]:
    """A subject alternative name with these names in DER."""
    return written(ALTERNATIVE_NAME, tlv(0x30, b"".join(general)))


def _with_leaf(**changes: Any) -> Callable[[], Texts]:
    def texts() -> Texts:
        made = leaf(**changes)
        return chain(made, intermediate()), made.key_pem

    return texts


def _with_rewritten_leaf(**changes: Any) -> Callable[[], Texts]:
    def texts() -> Texts:
        made = rewritten(leaf(), intermediate(), **changes)
        return chain(made, intermediate()), made.key_pem

    return texts


def _below(middle: Made, **changes: Any) -> Texts:
    made = leaf(middle, **changes)
    return chain(made, middle), made.key_pem


def odd_root() -> Made:
    """A root with a serial number of zero, as Go Daddy's and Starfield's are."""
    top = authority("Odd Root", None, key("P-256", 70))
    return rewritten(top, top, serial_number=b"\x00")


ODD_ROOT = odd_root()
BELOW_ODD_ROOT = authority("Below the Odd Root", ODD_ROOT, key("P-256", 71))
ED25519 = authority("Edwards Intermediate", root(), key("Ed25519", 72))
P521 = authority("P-521 Intermediate", root(), key("P-521", 73))
P521_ROOT = authority("P-521 Root", None, key("P-521", 74))
SHOUTED = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "TEST  INTERMEDIATE 0")])
PRINTABLE = x509.Name(
    [x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Intermediate 0", TextType.PrintableString)]
)

WARNED = [
    *(
        Case(
            name,
            "serial-number-invalid",
            _with_rewritten_leaf(serial_number=content),
            (f"certificate '{FQDN}'", says, "TLS stacks take it"),
            roots=(root(),),
        )
        for name, (content, says) in SERIAL_NUMBERS.items()
    ),
    Case(
        "serial number of zero above",
        "serial-number-invalid",
        lambda: _below(rewritten(authority("Zero", root(), key("P-256", 75)), root(), serial_number=b"\x00")),
        ("authority 'Zero'", "that is zero"),
        roots=(root(),),
    ),
    Case(
        "serial number of zero in the root",
        "serial-number-invalid",
        lambda: _below(BELOW_ODD_ROOT),
        ("authority 'Odd Root'", "that is zero"),
        roots=(ODD_ROOT,),
    ),
    Case(
        "NULL beside ECDSA",
        "signature-parameters-null",
        _with_rewritten_leaf(null_parameters=True),
        (f"certificate '{FQDN}'", "NULL stands where RFC 5758"),
        roots=(root(),),
    ),
    Case(
        "NULL beside ECDSA above",
        "signature-parameters-null",
        lambda: _below(rewritten(authority("Null", root(), key("P-256", 76)), root(), null_parameters=True)),
        ("authority 'Null'", "NULL stands"),
        roots=(root(),),
    ),
    *(
        Case(
            name,
            "extension-malformed",
            _with_leaf(extensions=[extension]),
            (f"certificate '{FQDN}'", extension[0].oid.dotted_string),
            roots=(root(),),
        )
        for name, extension in EXTENSIONS.items()
    ),
    *(
        Case(
            name,
            "extension-malformed",
            _with_leaf(names=[], extensions=[names(der, DNS)]),
            (f"certificate '{FQDN}'", ALTERNATIVE_NAME),
            roots=(root(),),
        )
        for name, der in ALTERNATIVE_NAMES.items()
    ),
    *(
        Case(
            name,
            "name-text-invalid",
            _with_rewritten_leaf(subject=common_name(text)),
            ("has a name with characters",),
            roots=(root(),),
        )
        for name, text in NAME_TEXTS.items()
    ),
    Case(
        "Latin-1 in the name of an authority",
        "name-text-invalid",
        lambda: _below(
            rewritten(
                authority("Odd", root(), key("P-256", 78)),
                root(),
                subject=common_name(tlv(0x14, "Prüfstelle".encode("latin-1"))),
            )
        ),
        ("authority 'Prüfstelle'", "has a name with characters"),
        roots=(root(),),
    ),
    Case(
        "P-521 above",
        "authority-key-unusual",
        lambda: _below(P521),
        ("authority 'P-521 Intermediate'", "kind P-521"),
        roots=(root(),),
    ),
    Case(
        "P-521 in the root",
        "authority-key-unusual",
        lambda: _below(authority("Below P-521", P521_ROOT, key("P-256", 77))),
        ("authority 'P-521 Root'", "kind P-521"),
        roots=(P521_ROOT,),
    ),
    Case(
        "Ed25519 above",
        "authority-key-unusual",
        lambda: _below(ED25519),
        ("authority 'Edwards Intermediate'", "kind Ed25519"),
        roots=(root(),),
    ),
    *(
        Case(
            name,
            "issuer-name-spelling",
            _with_leaf(issuer_name=issuer_name),
            (f"certificate '{FQDN}'", "other octets", "Go does not"),
            roots=(root(),),
        )
        for name, issuer_name in {
            "issuer's name in capitals": SHOUTED,
            "issuer's name of another type": PRINTABLE,
        }.items()
    ),
]

COUNTRY = tlv(0x31, tlv(0x30, bytes.fromhex("0603550406") + tlv(0x0C, b"Deutschland")))
"""A country in words, where RFC 5280 has two letters: nobody who calls decides by it."""

FIT = [
    Case(
        "country in words",
        "",
        _with_rewritten_leaf(subject=tlv(0x30, COUNTRY)),
        (),
        roots=(root(),),
    )
]
