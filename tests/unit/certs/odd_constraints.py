"""Authorities that may issue for some names alone, judged as TLS clients judge them (RFC 5280, 4.2.1.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from cryptography.x509 import DirectoryName, DNSName, GeneralName, RFC822Name
from cryptography.x509 import UniformResourceIdentifier as Uri

from tests.unit.certs.forge import FQDN, authority, chain, key, leaf, root, tlv, written
from tests.unit.certs.odd_bundles import Case, Texts

NAME_CONSTRAINTS = "2.5.29.30"
ADDRESS = x509.IPAddress(ipaddress.ip_address("10.1.2.3"))
NETWORK = x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))


def directory(*parts: tuple[x509.ObjectIdentifier, str]) -> DirectoryName:
    return DirectoryName(x509.Name([x509.NameAttribute(kind, value) for kind, value in parts]))


OURS = directory((x509.NameOID.ORGANIZATION_NAME, "Example"))
OTHERS = directory((x509.NameOID.ORGANIZATION_NAME, "Other"))
SUBJECT = x509.Name(
    [
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "EXAMPLE"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, FQDN),
    ]
)


def constrained(
    permitted: Sequence[GeneralName] | None = None,
    excluded: Sequence[GeneralName] | None = None,
    *,
    octets: bytes | None = None,
    critical: bool = True,
    **changes: Any,
) -> Callable[[], Texts]:
    """A leaf with ``changes`` below an intermediate with these constraints (or with these ``octets``)."""

    def texts() -> Texts:
        constraints = (
            (x509.NameConstraints(permitted, excluded), critical)
            if octets is None
            else written(NAME_CONSTRAINTS, octets, critical=critical)
        )
        middle = authority("Constrained", root(), key("P-256", 80), extensions=[constraints])
        made = leaf(middle, **changes)
        return chain(made, middle), made.key_pem

    return texts


def subtrees(base: bytes, limits: bytes) -> bytes:
    """One permitted subtree in DER, with a minimum or maximum."""
    return tlv(0x30, tlv(0xA0, tlv(0x30, base + limits)))


WITH_URI: dict[str, Any] = {"names": [FQDN, Uri("https://www.example.com:8443/path")]}
WITH_MAIL: dict[str, Any] = {"names": [FQDN, RFC822Name("box@mail.example.com")]}
WITH_ADDRESS: dict[str, Any] = {"names": [FQDN, ADDRESS]}

_FIT: dict[str, Callable[[], Texts]] = {
    "permitted domain": constrained([DNSName("example.com")]),
    "permitted domain, leading dot": constrained([DNSName(".example.com")]),
    "permitted domain in capitals": constrained([DNSName("EXAMPLE.com")]),
    "every domain permitted": constrained([DNSName("")]),
    "another domain excluded, leading dot": constrained(None, [DNSName(".example.org")]),
    "excluded below it, leading dot": constrained(None, [DNSName("." + FQDN)]),
    "URIs constrained, none there": constrained([DNSName("example.com"), Uri("example.com")]),
    "permitted URI": constrained([Uri("www.example.com")], **WITH_URI),
    "permitted URI, leading dot": constrained([Uri(".example.com")], **WITH_URI),
    "another host of URIs excluded": constrained(None, [Uri("example.com")], **WITH_URI),
    "permitted mail": constrained([RFC822Name(".example.com")], **WITH_MAIL),
    "permitted mailbox": constrained([RFC822Name("box@mail.example.com")], **WITH_MAIL),
    "mail constrained, none there": constrained([RFC822Name("example.org")]),
    "addresses constrained, none there": constrained([NETWORK]),
    "range of another form": constrained(
        octets=subtrees(tlv(0x81, b"example.org"), tlv(0x80, b"\x01")),
    ),
    "permitted directory, not critical": constrained([OURS], critical=False, subject=SUBJECT),
}
FIT = [Case(f"constraints: {name}", "", texts, (), roots=(root(),)) for name, texts in _FIT.items()]

_WARNED: dict[str, Callable[[], Texts]] = {
    "another directory excluded": constrained(None, [DNSName("corp.example.com"), OTHERS], subject=SUBJECT),
    "permitted directory": constrained([OURS, DNSName("example.com")], subject=SUBJECT),
}
WARNED = [
    Case(
        f"constraints: {name}",
        "name-constraints-unjudged",
        texts,
        ("authority 'Constrained'", "(directory name)", "Go refuses"),
        roots=(root(),),
    )
    for name, texts in _WARNED.items()
]

_OUTSIDE: dict[str, tuple[Callable[[], Texts], str]] = {
    "domain not permitted, leading dot": (
        constrained([DNSName("." + FQDN)]),
        f"the DNS name {FQDN} is not among those permitted to 'Constrained'",
    ),
    "excluded domain, leading dot": (
        constrained(None, [DNSName(".example.com")]),
        f"the DNS name {FQDN} is excluded for 'Constrained'",
    ),
    "a second name outside": (
        constrained([DNSName("example.com")], names=[FQDN, "www.example.org"]),
        "the DNS name www.example.org is not among",
    ),
    "wildcard over the excluded": (
        constrained(None, [DNSName("www.example.com")], names=["*.example.com"]),
        "the DNS name *.example.com is excluded",
    ),
    "URI of another host": (
        constrained([Uri("example.com")], **WITH_URI),
        "the URI https://www.example.com:8443/path is not among",
    ),
    "mail of another host": (
        constrained([RFC822Name("example.com")], **WITH_MAIL),
        "the mail address box@mail.example.com is not among",
    ),
    "excluded directory, not critical": (
        constrained(None, [OURS], critical=False, subject=SUBJECT),
        "a directory name is excluded",
    ),
}
REFUSED = [
    *(
        Case(
            f"constraints: {name}", "name-constraints", texts, ("outside of the names", says), roots=(root(),)
        )
        for name, (texts, says) in _OUTSIDE.items()
    ),
    *(
        Case(
            f"constraints: {name}",
            "name-constraints-unsupported",
            texts,
            ("the authority 'Constrained'", "clients refuse to judge", says),
            roots=(root(),),
        )
        for name, (texts, says) in {
            "permitted address": (constrained([NETWORK], **WITH_ADDRESS), "has a address"),
            "range of domains": (
                constrained(octets=subtrees(tlv(0x82, b"example.com"), tlv(0x80, b"\x01"))),
                "with a minimum or maximum",
            ),
            "URI by a whole URI": (
                constrained([Uri("https://example.com")], **WITH_URI),
                "by 'https://example.com'",
            ),
        }.items()
    ),
]
