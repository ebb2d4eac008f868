"""Authorities that may issue for some names alone, judged as TLS clients judge them (RFC 5280, 4.2.1.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from cryptography.x509 import DirectoryName, DNSName, GeneralName, RFC822Name
from cryptography.x509 import UniformResourceIdentifier as Uri

from tests.support.certificates.forge import FQDN, authority, chain, key, leaf, root, tlv, written
from tests.support.certificates.odd_bundles import Case, Texts

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
    """A leaf with `changes` below an intermediate with these constraints (or with these `octets`)."""

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


def policies(*identifiers: str) -> tuple[x509.ExtensionType, bool]:
    """Certificate policies of these identifiers."""
    named = [x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in identifiers]
    return x509.CertificatePolicies(named), False


def requires_policy(after: int = 0) -> tuple[x509.ExtensionType, bool]:
    """That a policy is asked for, so many certificates below."""
    return x509.PolicyConstraints(after, None), True


def below_policies(
    above: Sequence[tuple[x509.ExtensionType, bool]], own: Sequence[tuple[x509.ExtensionType, bool]]
) -> Callable[[], Texts]:
    """A leaf with the extensions `own`, below an intermediate with those of `above`."""

    def texts() -> Texts:
        middle = authority("Policies", root(), key("P-256", 81), extensions=above)
        made = leaf(middle, extensions=own)
        return chain(made, middle), made.key_pem

    return texts


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
ONE, OTHER, ANY = "1.3.6.1.4.1.99999.2", "1.3.6.1.4.1.99999.3", "2.5.29.32.0"
# 1.3.6.1.4.1.99999.2 is 1.3.6.1.4.1.99999.3 below
MAPPED = written(
    "2.5.29.33",
    tlv(0x30, tlv(0x30, bytes.fromhex("06092b06010401868d1f02") + bytes.fromhex("06092b06010401868d1f03"))),
)
_FIT |= {
    "policy required, shared": below_policies([requires_policy(), policies(ONE)], [policies(OTHER, ONE)]),
    "policy required, any above": below_policies([requires_policy(), policies(ANY)], [policies(ONE)]),
    "policy required further below": below_policies([requires_policy(2)], []),
    "policy required, mapped": below_policies([requires_policy(), policies(ONE), MAPPED], [policies(OTHER)]),
    "policies without more": below_policies([policies(ONE)], [policies(OTHER)]),
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
_WITHOUT_POLICY: dict[str, Callable[[], Texts]] = {
    "policy required, none there": below_policies([requires_policy()], []),
    "policy required, another there": below_policies([requires_policy(), policies(ONE)], [policies(OTHER)]),
    "policy required, mapped away": below_policies(
        [requires_policy(), policies(ONE), MAPPED], [policies(ONE)]
    ),
    "policy required, any inhibited": below_policies(
        [requires_policy(), policies(ANY), (x509.InhibitAnyPolicy(0), True)], [policies(ANY)]
    ),
    "policy required one below": below_policies([requires_policy(1)], []),
    "policy required by the leaf itself": below_policies([], [requires_policy()]),
}
REFUSED = [
    *(
        Case(f"constraints: {name}", "policy-required", texts, ("shares no policy",), roots=(root(),))
        for name, texts in _WITHOUT_POLICY.items()
    ),
    Case(
        "constraints: a policy twice",
        "policies-invalid",
        below_policies([], [policies(ONE, ONE)]),
        ("name one twice",),
        roots=(root(),),
    ),
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
