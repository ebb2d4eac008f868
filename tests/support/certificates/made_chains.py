"""Chains made at random: authorities with several certificates each, a few faults, any order of the file.

Two roots certify each other and two intermediates, of which one stands below the other; each certificate may
be told apart by identifiers or not, and up to two things are odd or wrong somewhere. What comes of it is for
two judges: the checks, and a real gRPC server and client.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import strategies as st

from tests.support.certificates import odd_encodings
from tests.support.certificates.forge import (
    FAR,
    FQDN,
    SERVER,
    Made,
    authority,
    chain,
    key,
    leaf,
    rewritten,
    tlv,
    written,
)
from tests.support.certificates.odd_constraints import ANY, NETWORK, ONE, OTHERS, policies, requires_policy

_DAY = timedelta(days=1)
SERVICE = "service"
# certificate: whose, by whom
CERTIFICATES = {
    "root": ("Root", None),
    "old root": ("Old Root", None),
    "root by old root": ("Root", "old root"),
    "old root by root": ("Old Root", "root"),
    "upper": ("Upper", "root"),
    "upper by old root": ("Upper", "old root"),
    "upper, renewed": ("Upper", "root"),
    "upper, another key": ("Upper", "root"),
    "lower": ("Lower", "upper"),
    "lower by old root": ("Lower", "old root"),
    SERVICE: (FQDN, "lower"),
}
"""The certificates that there may be, in an order in which they can be made."""
KEYS = {"Root": 500, "Old Root": 501, "Upper": 502, "Lower": 503, FQDN: 504}
AUTHORITIES = tuple(name for name in CERTIFICATES if name != SERVICE)


def _extended(*usages: x509.ObjectIdentifier) -> Callable[[datetime], dict[str, Any]]:
    return lambda _: {"extended": usages}


def _constrained(*names: x509.GeneralName, excluded: bool = False) -> Callable[[datetime], dict[str, Any]]:
    subtrees = (None, names) if excluded else (names, None)
    return lambda _: {"extensions": [(x509.NameConstraints(*subtrees), True)]}


def _extension(extension: tuple[x509.ExtensionType, bool]) -> Callable[[datetime], dict[str, Any]]:
    return lambda _: {"extensions": [extension]}


def _rewritten(**changes: Any) -> Callable[[datetime], dict[str, Any]]:
    return lambda _: {"rewrite": changes}


_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
ODDITIES: Mapping[str, Callable[[datetime], dict[str, Any]]] = {
    "expired": lambda now: {"end": now - 5 * _DAY},
    "not yet valid": lambda now: {"begin": now + 5 * _DAY},
    "no authority": lambda _: {"basic": (False, None)},
    "no basic constraints": lambda _: {"basic": None},
    "no authority below": lambda _: {"basic": (True, 0)},
    "may not sign": lambda _: {"usages": ["crl_sign"]},
    "no usages": lambda _: {"usages": None},
    "for servers": _extended(*SERVER),
    "for any use": _extended(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    "for clients": _extended(ExtendedKeyUsageOID.CLIENT_AUTH),
    "may issue here": _constrained(x509.DNSName("example.com")),
    "may issue here, leading dot": _constrained(x509.DNSName(".example.com")),
    "may issue below here": _constrained(x509.DNSName("." + FQDN)),
    "may issue elsewhere": _constrained(x509.DNSName("example.org")),
    "may not issue here": _constrained(x509.DNSName(FQDN), excluded=True),
    "addresses constrained": _constrained(NETWORK),
    "URIs constrained": _constrained(x509.UniformResourceIdentifier("https://example.com")),
    "a directory excluded": _constrained(OTHERS, excluded=True),
    "another directory permitted": _constrained(OTHERS),
    "a policy required": _extension(requires_policy()),
    "a policy": _extension(policies(ONE)),
    "any policy": _extension(policies(ANY)),
    "a policy twice": _extension(policies(ONE, ONE)),
    "critical extension": _extension((_UNKNOWN, True)),
    "unknown extension": _extension((_UNKNOWN, False)),
    "damaged revocation addresses": _extension(written(odd_encodings.CRL_POINTS, b"\x05\x00")),
    "damaged key identifier": _extension(written("2.5.29.14", b"\x05\x00")),
    **{name: _extension(one) for name, one in odd_encodings.EXTENSIONS.items()},
    "serial number of zero": _rewritten(serial_number=b"\x00"),
    "negative serial number": _rewritten(serial_number=b"\x80\x01"),
    "long serial number": _rewritten(serial_number=b"\x11" * 25),
    "NULL beside ECDSA": _rewritten(null_parameters=True),
    **{
        name: _rewritten(subject=odd_encodings.common_name(text))
        for name, text in odd_encodings.NAME_TEXTS.items()
    },
    "issuer's name in capitals": lambda _: {"shouts": True},
    "another authority's identifier": lambda _: {"identifier": b"another"},
}
LEAF_NAMES: Mapping[str, dict[str, Any]] = {
    "its name": {"names": [FQDN]},
    "a wildcard": {"names": ["*.example.com"]},
    "a name in capitals": {"names": [FQDN.upper()]},
    "an address too": {"names": [FQDN, x509.IPAddress(ipaddress.ip_address("10.1.2.3"))]},
    "a URI too": {"names": [FQDN, x509.UniformResourceIdentifier("https://www.example.com/")]},
    "another name": {"names": ["www.example.com"]},
    **{
        name: {"names": [], "extensions": [odd_encodings.names(odd_encodings.DNS, der)]}
        for name, der in odd_encodings.ALTERNATIVE_NAMES.items()
    },
    "an address of five octets": {
        "rewrite": None,  # the forge reads what it rewrites
        "names": [],
        "extensions": [odd_encodings.names(odd_encodings.DNS, tlv(0x87, b"12345"))],
    },
}


@dataclass(frozen=True)
class World:
    """A file's certificates (the leaf first), the roots that callers hold, and what is odd."""

    leaf: Made
    others: tuple[Made, ...]
    roots: tuple[Made, ...]
    about: str

    def text(self) -> bytes:
        return chain(self.leaf, *self.others)


@st.composite
def worlds(draw: st.DrawFn, now: datetime) -> World:
    """Worlds in which `now` is the time."""
    oddities = draw(
        st.dictionaries(st.sampled_from(tuple(CERTIFICATES)), st.sampled_from(tuple(ODDITIES)), max_size=2)
    )
    kinds = draw(
        st.dictionaries(
            st.sampled_from(("Root", "Upper", "Lower", FQDN)),
            st.sampled_from(("P-384", "RSA-2048", "P-521", "Ed25519")),
            max_size=1,
        )
    )
    identified = draw(st.sampled_from(("not", "by key", "by key", "by all")))
    names = draw(st.sampled_from(("its name",) * 6 + tuple(LEAF_NAMES)))
    issuer = draw(st.sampled_from(("lower", "lower", "upper", "root")))
    made: dict[str, Made] = {}
    for name in CERTIFICATES:
        changes = {} if name not in oddities else ODDITIES[oddities[name]](now)
        if name == SERVICE:
            changes = {**changes, **LEAF_NAMES[names]}
        made[name] = _make(name, made, kinds, identified, issuer, changes)
    needed = {"lower": ["lower", "upper"], "upper": ["upper"], "root": []}[issuer]
    others = needed + draw(st.lists(st.sampled_from(AUTHORITIES), max_size=3, unique=True))
    missing = draw(st.sampled_from([None] * 5 + needed)) if needed else None
    order = draw(st.permutations([name for name in dict.fromkeys(others) if name != missing]))
    roots = draw(
        st.lists(
            st.sampled_from(("root", "root", "old root", "upper", "root by old root")),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    return World(
        made[SERVICE],
        tuple(made[name] for name in order),
        tuple(made[name] for name in roots),
        f"{oddities} {kinds} identified {identified}, for {names}, by {issuer}; file {order}, roots {roots}",
    )


def _make(
    name: str,
    made: Mapping[str, Made],
    kinds: Mapping[str, str],
    identified: str,
    issuer_of_leaf: str,
    changes: dict[str, Any],
) -> Made:
    subject, issuer_name = CERTIFICATES[name]
    issuer = None if issuer_name is None else made[issuer_of_leaf if name == SERVICE else issuer_name]
    kind = kinds.get(subject, "P-256")
    own = key(kind, 599 if name == "upper, another key" else KEYS[subject])
    identifier = changes.pop("identifier", None)
    extensions = list(changes.pop("extensions", []))
    if identified != "not":
        if not any(one.oid == x509.SubjectKeyIdentifier.oid for one, _ in extensions):
            extensions.append((x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False))
        if issuer is not None:
            extensions.append(_authority_key(issuer, identified, identifier))
    rewrite, shouts = changes.pop("rewrite", None), changes.pop("shouts", False)
    if shouts and issuer is not None:
        (attribute,) = issuer.certificate.subject
        changes["issuer_name"] = x509.Name([x509.NameAttribute(attribute.oid, str(attribute.value).upper())])
    if name == SERVICE:
        usable = {"basic", "usages", "extended", "begin", "end", "names", "issuer_name"}
        changes = {what: value for what, value in changes.items() if what in usable}
        one = leaf(issuer, key=own, extensions=extensions, identifiers=False, **changes)
    else:
        end = FAR - _DAY if name == "upper, renewed" else FAR
        one = authority(
            subject, issuer, own, extensions=extensions, identifiers=False, **{"end": end, **changes}
        )
    signer = one if issuer is None else issuer
    if rewrite is None or not _signs_with_p256(signer):
        return one
    return rewritten(one, signer, **rewrite)


def _signs_with_p256(signer: Made) -> bool:
    return isinstance(signer.key, ec.EllipticCurvePrivateKey) and signer.key.curve.name == "secp256r1"


def _authority_key(
    issuer: Made, identified: str, identifier: bytes | None
) -> tuple[x509.ExtensionType, bool]:
    if identifier is None:
        identifier = x509.SubjectKeyIdentifier.from_public_key(issuer.key.public_key()).digest
    parts = tlv(0x80, identifier)
    if identified == "by all":
        number = issuer.certificate.serial_number
        parts += tlv(0xA1, tlv(0xA4, issuer.certificate.issuer.public_bytes()))
        parts += tlv(0x82, number.to_bytes(number.bit_length() // 8 + 1, signed=True))
    return written(odd_encodings.AUTHORITY_KEY, tlv(0x30, parts))
