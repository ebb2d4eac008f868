"""At least one failing bundle for each rule about what certificates and keys say."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from certs.errors import RefusedError
from certs.formats import parse_certificate
from tests.support.certificates import odd_constraints, odd_encodings, odd_paths
from tests.support.certificates.forge import (
    FQDN,
    Made,
    authority,
    chain,
    intermediate,
    key,
    key_pem,
    leaf,
    root,
    rsa_of_8676_bits,
    self_signed,
    weakly_signed,
)
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY, Case, Texts

_DAY = timedelta(days=1)


def _with_leaf(**changes: Any) -> Callable[[], Texts]:
    def texts() -> Texts:
        made = leaf(**changes)
        return chain(made, intermediate()), made.key_pem

    return texts


def _with_intermediate(**changes: Any) -> Callable[[], Texts]:
    def texts() -> Texts:
        middle = authority("Odd Intermediate", root(), key("P-256", 55), **changes)
        made = leaf(middle)
        return chain(made, middle), made.key_pem

    return texts


def _weak(algorithm: str) -> Callable[[], Texts]:
    def texts() -> Texts:
        issuer = intermediate("RSA-2048")
        made = weakly_signed(leaf(issuer), issuer, algorithm)
        return chain(made, issuer), made.key_pem

    return texts


def _weak_intermediate() -> Texts:
    top = root("RSA-2048")
    middle = weakly_signed(authority("Old Intermediate", top, key("P-256", 56)), top, "sha1")
    made = leaf(middle)
    return chain(made, middle), made.key_pem


def _long_path() -> Texts:
    above = [root()]
    for depth in range(10):
        above.append(authority(f"Depth {depth}", above[-1], key("P-256", 300 + depth)))
    made = leaf(above[-1])
    return chain(made, *above[:0:-1]), made.key_pem


def _huge_authority() -> Texts:
    huge = authority("Huge", root(), rsa_of_8676_bits())
    made = leaf(huge)
    return chain(made, huge), made.key_pem


def _short_path() -> Texts:
    upper = authority("Upper", root(), key("P-256", 57), basic=(True, 0))
    lower = authority("Lower", upper, key("P-256", 58))
    made = leaf(lower)
    return chain(made, lower, upper), made.key_pem


def _forged_intermediate() -> Texts:
    namesake = authority("Test Intermediate 0", root(), key("P-256", 59))
    return chain(GOOD, namesake), KEY


def _with_cut_signature(made: Made) -> Made:
    """`made`, its signature a bit string that leaves the last bit out, which is 0."""
    signature = made.certificate.signature
    assert made.der.endswith(b"\x00" + signature)
    der = made.der.removesuffix(b"\x00" + signature) + b"\x01" + signature
    return Made(parse_certificate(der), made.key)


def _until_even(make: Callable[[], Made]) -> Made:
    """The first certificate made whose signature's last bit is 0: each is signed with another number."""
    return next(made for made in iter(make, None) if made.certificate.signature[-1] % 2 == 0)


def _cut_signature() -> Texts:
    made = _with_cut_signature(_until_even(leaf))
    return chain(made, intermediate()), made.key_pem


def _cut_signature_above() -> Texts:
    middle = _until_even(lambda: authority("Test Intermediate 0", root(), key("P-256", 77)))
    made = leaf(middle)
    return chain(made, _with_cut_signature(middle)), made.key_pem


def _lone_with_address() -> Texts:
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier("http://ca.test/i.der"),
            )
        ]
    )
    made = leaf(extensions=[(access, False)])
    return made.pem, made.key_pem


def constrained(*names: str) -> Callable[[], Texts]:
    constraints = x509.NameConstraints([x509.DNSName(name) for name in names], None)
    return _with_intermediate(extensions=[(constraints, True)])


_TIMELESS = [
    Case(
        "missing intermediate",
        "chain-incomplete",
        lambda: (GOOD.pem, KEY),
        ("'CN=Test Intermediate 0'", "Append"),
    ),
    Case(
        "missing intermediate, address known",
        "chain-incomplete",
        _lone_with_address,
        ("at http://ca.test/i.der: openssl x509",),
    ),
    Case(
        "missing intermediate, root known",
        "chain-incomplete",
        lambda: (GOOD.pem, KEY),
        ("lacks the intermediate 'CN=Test Intermediate 0'",),
        roots=(root(),),
    ),
    Case(
        "another root",
        "chain-incomplete",
        lambda: (CHAIN, KEY),
        ("'CN=Test Root 0'",),
        roots=(root("P-256", 1),),
    ),
    Case(
        "another root, own root sent",
        "chain-untrusted",
        lambda: (CHAIN + root().pem, KEY),
        ("ends in 'Test Root 0'", "not among the roots"),
        roots=(root("P-256", 1),),
    ),
    Case(
        "a root of the same name",
        "chain-untrusted",
        lambda: (CHAIN, KEY),
        ("was not signed by the root 'Test Root 0'",),
        roots=(root("P-384"),),
    ),
    Case(
        "unrelated authority",
        "chain-unrelated",
        lambda: (CHAIN + intermediate("P-256", 1).pem, KEY),
        ("'Test Intermediate 1'",),
    ),
    Case(
        "two leaves",
        "two-leaves",
        lambda: (CHAIN + leaf(key=key("P-256", 4), common_name="b").pem, KEY),
        ("second server certificate", "'b'"),
    ),
    Case(
        "re-keyed intermediate",
        "chain-signature-invalid",
        _forged_intermediate,
        ("did not sign it", "'Test Intermediate 0'"),
    ),
    Case(
        "signature without its last bit",
        "chain-signature-invalid",
        _cut_signature,
        ("did not sign it", "'Test Intermediate 0'"),
        roots=(root(),),
    ),
    Case(
        "signature without its last bit above",
        "chain-untrusted",
        _cut_signature_above,
        ("Test Intermediate 0",),
        roots=(root(),),
    ),
    Case(
        "foreign key",
        "key-mismatch",
        lambda: (CHAIN, key_pem(key("RSA-2048"))),
        ("key file", "The key is RSA-2048", "is P-256"),
    ),
    Case(
        "the authority's key",
        "key-mismatch",
        lambda: (CHAIN, intermediate().key_pem),
        ("key of the authority 'Test Intermediate 0'",),
    ),
    Case(
        "wrong name",
        "name-not-covered",
        _with_leaf(names=["other.example.com"]),
        ("does not cover api.example.com", "other.example.com"),
    ),
    Case(
        "wildcard, apex",
        "name-not-covered",
        _with_leaf(names=["*.api.example.com"]),
        ("does not cover the domain itself",),
    ),
    Case(
        "wildcard, two labels",
        "name-not-covered",
        _with_leaf(names=["*.example.com"]),
        ("one label, not more",),
        fqdn="a.b.example.com",
    ),
    Case(
        "partial wildcard",
        "name-not-covered",
        _with_leaf(names=["a*.example.com"]),
        ("it is for a*.example.com",),
    ),
    Case("inner wildcard", "name-not-covered", _with_leaf(names=["api.*.com"]), ("it is for api.*.com",)),
    Case("common name only", "name-common-name-only", _with_leaf(names=[]), ("common name only", "RFC 9525")),
    Case(
        "address only",
        "name-address-only",
        _with_leaf(names=[x509.IPAddress(ipaddress.ip_address("192.0.2.1"))], common_name=None),
        ("192.0.2.1",),
    ),
    Case("no name", "name-missing", _with_leaf(names=[], common_name="Server"), ("no DNS name at all",)),
    Case(
        "wildcard over a top-level domain",
        "wildcard-too-wide",
        _with_leaf(names=["*.com", FQDN]),
        ("'*.com'", "top-level domain"),
    ),
    Case("FQDN is an address", "fqdn-invalid", lambda: (CHAIN, KEY), ("is an IP address",), fqdn="192.0.2.1"),
    Case(
        "FQDN is a wildcard", "fqdn-invalid", lambda: (CHAIN, KEY), ("is a wildcard",), fqdn="*.example.com"
    ),
    Case("RSA-1024", "rsa-too-short", _with_leaf(key_kind="RSA-1024"), ("RSA-1024", "RSA of 2048")),
    Case("P-521", "curve-unsupported", _with_leaf(key_kind="P-521"), ("P-521", "handshakes fail")),
    Case("secp256k1", "curve-unsupported", _with_leaf(key_kind="secp256k1"), ("secp256k1",)),
    Case("Ed25519", "key-type-unsupported", _with_leaf(key_kind="Ed25519"), ("Ed25519", "openssl genpkey")),
    Case("Ed448", "key-type-unsupported", _with_leaf(key_kind="Ed448"), ("Ed448",)),
    Case("X25519", "key-type-unsupported", _with_leaf(key_kind="X25519"), ("X25519",)),
    Case("DSA", "key-type-unsupported", _with_leaf(key_kind="DSA"), ("DSA",)),
    Case(
        "SHA-1",
        "signature-hash-weak",
        _weak("sha1"),
        ("signed with SHA-1", "-sha256"),
        roots=(root("RSA-2048"),),
    ),
    Case("MD5", "signature-hash-weak", _weak("md5"), ("signed with MD5",), roots=(root("RSA-2048"),)),
    Case(
        "SHA-1 above",
        "signature-hash-weak",
        _weak_intermediate,
        ("authority 'Old Intermediate'", "SHA-1"),
        roots=(root("RSA-2048"),),
    ),
    Case(
        "RSA-1024 above",
        "rsa-too-short",
        lambda: (
            chain(
                leaf(small := authority("Small", root(), key("RSA-1024", 2))),
                small,
            ),
            KEY,
        ),
        ("authority 'Small'", "for that authority"),
    ),
    Case("RSA-8676 above", "rsa-too-long", _huge_authority, ("authority 'Huge'", "too many bits (RSA-8676)")),
    Case(
        "no known algorithm",
        "signature-algorithm-unsupported",
        _weak("no known algorithm"),
        ("the algorithm 1.2.840.113549.1.1.127, which is not known",),
        roots=(root("RSA-2048"),),
    ),
    Case(
        "client certificate",
        "usage-not-server",
        _with_leaf(extended=[ExtendedKeyUsageOID.CLIENT_AUTH]),
        ("client auth",),
    ),
    Case(
        "no digital signature",
        "usage-no-signature",
        _with_leaf(usages=["key_agreement"]),
        ("digitalSignature",),
    ),
    Case(
        "critical unknown",
        "critical-extension-unknown",
        _with_leaf(
            extensions=[
                (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)
            ]
        ),
        ("1.3.6.1.4.1.99999.1",),
    ),
    Case(
        "precertificate",
        "precertificate",
        _with_leaf(extensions=[(x509.PrecertPoison(), True)]),
        ("RFC 6962",),
    ),
    Case(
        "self-signed authority as leaf",
        "leaf-is-authority",
        lambda: ((made := self_signed(basic=(True, None))).pem, made.key_pem),
        ("self-signed certificate of an authority", "basicConstraints=critical,CA:FALSE"),
    ),
    Case(
        "intermediate is no authority",
        "issuer-not-authority",
        _with_intermediate(basic=(False, None)),
        ("CA:TRUE",),
    ),
    Case(
        "intermediate of version 1",
        "issuer-not-authority",
        _with_intermediate(basic=None, usages=None),
        ("CA:TRUE",),
    ),
    Case(
        "intermediate may not sign",
        "issuer-may-not-sign",
        _with_intermediate(usages=["crl_sign"]),
        ("keyCertSign",),
    ),
    Case(
        "intermediate for mail",
        "issuer-usage-not-server",
        _with_intermediate(extended=[ExtendedKeyUsageOID.EMAIL_PROTECTION]),
        ("email protection",),
    ),
    Case(
        "intermediate for any use",
        "issuer-usage-not-server",
        _with_intermediate(extended=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
        ("any extended key usage",),
    ),
    Case("too deep", "path-invalid", _long_path, ("is refused by path validation", "max depth")),
    Case("path too long", "path-too-long", _short_path, ("'Upper'", "allows 0", "1 are there")),
    Case(
        "name constraints",
        "name-constraints",
        constrained("example.org"),
        ("outside of the names",),
        roots=(root(),),
    ),
    Case("name constraints, root not known", "name-constraints", constrained("example.org"), ("outside",)),
]


def _dated(now: datetime) -> list[Case]:
    return [
        Case(
            "expired",
            "expired",
            _with_leaf(end=now - _DAY),
            (f"expired on {now - _DAY:%Y-%m-%d %H:%M:%S} UTC", "it is 20"),
        ),
        Case(
            "not yet valid",
            "not-yet-valid",
            _with_leaf(begin=now + _DAY),
            (f"not valid before {now + _DAY:%Y-%m-%d}",),
        ),
        Case(
            "a few hours left",
            "expires-soon",
            _with_leaf(end=now + timedelta(hours=9)),
            ("in 0 days", "at least 1"),
        ),
        Case(
            "expired intermediate",
            "expired",
            _with_intermediate(end=now - _DAY),
            ("authority 'Odd Intermediate'",),
        ),
        Case(
            "intermediate not yet valid",
            "not-yet-valid",
            _with_intermediate(begin=now + _DAY),
            ("authority",),
        ),
        Case(
            "expired root",
            "expired",
            lambda: (CHAIN, KEY),
            ("authority 'Test Root 0'",),
            roots=(authority("Test Root 0", None, root().key, end=now - 2 * _DAY),),
        ),
    ]


def refused(now: datetime) -> list[Case]:
    """Bundles that can be read, and that the service must not be given at `now`."""
    cases = [*_TIMELESS, *_dated(now), *odd_constraints.REFUSED, *odd_paths.refused(now)]
    return [replace(case, raises=RefusedError) for case in cases]


def fit(now: datetime) -> list[Case]:
    """Bundles of which nothing is to be said at `now`, though they are not like others."""
    return [*odd_constraints.FIT, *odd_encodings.FIT, *odd_paths.fit(now)]


def warned(now: datetime) -> list[Case]:
    """Bundles that a person should know something about, and that the service is given at `now`."""
    alone = self_signed()
    return [
        *odd_encodings.WARNED,
        *odd_constraints.WARNED,
        *odd_paths.warned(now),
        Case(
            "self-signed",
            "leaf-self-signed",
            lambda: (alone.pem, alone.key_pem),
            ("this very certificate as a root",),
            roots=(alone,),
        ),
        Case(
            "a name that is none",
            "name-malformed",
            _with_leaf(names=[FQDN, "under_score.example.com"]),
            ("'under_score.example.com'",),
        ),
        Case(
            "no authority key identifier",
            "strict-callers-refuse",
            _with_leaf(identifiers=False),
            ("Python 3.13 and later", "has no authority key identifier", "authorityKeyIdentifier=keyid"),
        ),
        Case(
            "authority without identifiers",
            "strict-callers-refuse",
            _with_intermediate(identifiers=False),
            ("authority 'Odd Intermediate'", "no authority key identifier and has no subject key identifier"),
        ),
        Case(
            "due for renewal",
            "renewal-due",
            _with_leaf(begin=now - 70 * _DAY, end=now + 20 * _DAY),
            (f"since {now - 10 * _DAY:%Y-%m-%d %H:%M:%S} UTC", "two thirds of its life"),
        ),
    ]
