"""What is said of strict callers is what a strict handshake does: OpenSSL's, asked for by its flag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from certs.bundle import Bundle, Reading, read
from certs.checks import judge, require
from certs.findings import errors_in
from certs.sources.self_signed import Authority, issue, new_authority
from localcloud.authority import load_or_make
from tests.support.certificates import odd_certificates, odd_texts
from tests.support.certificates.forge import (
    FQDN,
    Made,
    authority,
    chain,
    intermediate,
    key,
    leaf,
    root,
    self_signed,
)
from tests.support.certificates.odd_bundles import Case, read_case
from tests.support.certificates.strict_handshake import refusal, refusal_of

CODE = "strict-callers-refuse"


@dataclass(frozen=True)
class Variant:
    """A path that callers take by default.

    Attributes:
        sent: leaf first. `anchor`: what callers trust.
        words: in OpenSSL's refusal, and in ours; None: both take it.
    """

    name: str
    sent: Callable[[], tuple[Made, ...]]
    words: tuple[str, str] | None
    anchor: Callable[[], Made] = field(default=root)


def with_leaf(**changes: Any) -> Callable[[], tuple[Made, ...]]:
    return lambda: (leaf(**changes), intermediate())


def with_middle(**changes: Any) -> Callable[[], tuple[Made, ...]]:
    def sent() -> tuple[Made, ...]:
        middle = authority("Odd", root(), key("P-256", 61), **changes)
        return leaf(middle), middle

    return sent


def top(**changes: Any) -> Made:
    return authority("Odd Root", None, key("P-256", 62), **changes)


def below(**changes: Any) -> Callable[[], tuple[Made, ...]]:
    return lambda: (leaf(top(**changes)),)


def basic(*, critical: bool) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.BasicConstraints(True, None), critical)]


OWN = x509.SubjectKeyIdentifier.from_public_key(key("P-256", 61).public_key())
OF_ROOT = x509.AuthorityKeyIdentifier.from_issuer_public_key(root().key.public_key())
BY_NAME = x509.AuthorityKeyIdentifier(
    None,
    [x509.DirectoryName(intermediate().certificate.issuer)],
    intermediate().certificate.serial_number,
)
ALONE, BARE = self_signed(), self_signed(identifiers=False)
MISSING_AKI = ("Missing Authority Key Identifier", "has no authority key identifier")
MISSING_SKI = ("Missing Subject Key Identifier", "has no subject key identifier")
NOT_CRITICAL = ("Basic Constraints of CA cert not marked critical", "basic constraints that are not critical")
NO_USAGE = ("CA cert does not include key usage extension", "is an authority without a key usage")
SIGNS = ("Key usage keyCertSign invalid for non-CA cert", "may sign certificates and is no authority")
NO_AUTHORITY = ("invalid CA certificate", "is no authority, and issued another")

VARIANTS = [
    Variant("as it should be", with_leaf(), None),
    Variant("below a root", lambda: (leaf(root()),), None),
    Variant("an intermediate is trusted", with_leaf(), None, intermediate),
    Variant("an intermediate is trusted, and not sent", lambda: (leaf(),), None, intermediate),
    Variant("leaf without identifiers", with_leaf(identifiers=False), MISSING_AKI),
    Variant(
        "leaf without its own identifier",
        with_leaf(
            identifiers=False,
            extensions=[
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(intermediate().key.public_key()), False)
            ],
        ),
        None,
    ),
    Variant("issuer named by its serial number", with_leaf(extensions=[(BY_NAME, False)]), MISSING_AKI),
    Variant("leaf without basic constraints", with_leaf(basic=None), None),
    Variant("leaf without key usage", with_leaf(usages=None), None),
    Variant("leaf that may sign", with_leaf(usages=["digital_signature", "key_cert_sign"]), SIGNS),
    Variant(
        "leaf that may sign, without basic constraints",
        with_leaf(usages=["digital_signature", "key_cert_sign"], basic=None),
        ("invalid CA certificate", SIGNS[1]),
    ),
    Variant("leaf that may sign lists", with_leaf(usages=["digital_signature", "crl_sign"]), None),
    Variant("name in the alternative name alone", with_leaf(common_name=None), None),
    Variant(
        "name in an alternative name that is not critical",
        with_leaf(
            common_name=None,
            names=[],
            extensions=[(x509.SubjectAlternativeName([x509.DNSName(FQDN)]), False)],
        ),
        ("Subject empty and Subject Alt Name extension not critical", "that is not critical"),
    ),
    Variant(
        "nameless, and may sign lists",
        with_leaf(common_name=None, usages=["digital_signature", "crl_sign"]),
        ("Subject name empty", "has no name"),
    ),
    Variant("intermediate without identifiers", with_middle(identifiers=False), MISSING_AKI),
    Variant(
        "intermediate without its own identifier",
        with_middle(identifiers=False, extensions=[(OF_ROOT, False)]),
        MISSING_SKI,
    ),
    Variant(
        "intermediate without its issuer's identifier",
        with_middle(identifiers=False, extensions=[(OWN, False)]),
        MISSING_AKI,
    ),
    Variant(
        "intermediate with constraints that are not critical",
        with_middle(basic=None, extensions=basic(critical=False)),
        NOT_CRITICAL,
    ),
    Variant("intermediate without key usage", with_middle(usages=None), NO_USAGE),
    Variant(
        "root without identifiers", below(identifiers=False), MISSING_SKI, lambda: top(identifiers=False)
    ),
    Variant(
        "root without its issuer's identifier",
        below(),
        None,
        lambda: top(
            identifiers=False,
            extensions=[(x509.SubjectKeyIdentifier.from_public_key(key("P-256", 62).public_key()), False)],
        ),
    ),
    Variant(
        "root with constraints that are not critical",
        below(),
        NOT_CRITICAL,
        lambda: top(basic=None, extensions=basic(critical=False)),
    ),
    Variant("root without key usage", below(), NO_USAGE, lambda: top(usages=None)),
    Variant("self-signed", lambda: (ALONE,), None, lambda: ALONE),
    Variant("self-signed without identifiers", lambda: (BARE,), None, lambda: BARE),
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_strict_handshake_agrees(variant: Variant, tmp_path: Path) -> None:
    sent, anchor = variant.sent(), variant.anchor()
    assert refusal(tmp_path, sent, [anchor], FQDN, strict=False) == ""
    refused = refusal(tmp_path, sent, [anchor], FQDN, strict=True)
    reading = read(chain(*sent), sent[0].key_pem)
    found = judge(reading, FQDN, datetime.now(UTC), [anchor.certificate]).findings
    assert errors_in(found) == ()
    said = [one.message for one in found if one.code == CODE]
    if variant.words is None:
        assert (refused, said) == ("", [])
    else:
        assert variant.words[0].lower() in refused.lower()
        assert [one for one in said if variant.words[1] in one] == said != []


TAKEN = [*odd_certificates.warned(datetime.now(UTC)), *odd_texts.MENDED]


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_a_strict_handshake_agrees_on_what_is_taken(case: Case, tmp_path: Path) -> None:
    reading, roots = read_case(case), [one.certificate for one in case.roots or (root(),)]
    taken = require(reading, case.fqdn, datetime.now(UTC), roots)
    refused = strictly(taken.bundle, roots, case.fqdn, tmp_path)
    assert bool(refused) == any(one.code == CODE for one in taken.findings)


def strictly(bundle: Bundle, roots: list[x509.Certificate], fqdn: str, folder: Path) -> str:
    certificate, private_key = folder / "chain.pem", folder / "key.pem"
    certificate.write_text(bundle.certificate_pem)
    private_key.write_text(bundle.key_pem)
    assert refusal_of(certificate, private_key, roots, fqdn, strict=False) == ""
    return refusal_of(certificate, private_key, roots, fqdn, strict=True)


def test_what_the_development_authority_issues_is_taken(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = new_authority("Development Authority", now)
    kept = Authority.from_pem(made.certificate_pem, made.key_pem)
    for names in ([FQDN, "*.example.com"], [f"{'a' * 60}.example.com"]):  # the latter is in no common name
        issued = Reading.of(issue(kept, names, now))
        assert judge(issued, names[0], now, [made.certificate]).findings == ()
        assert strictly(issued.bundle(), [made.certificate], names[0], tmp_path) == ""


def test_an_authority_of_another_make_that_a_stack_keeps_goes_on_and_strict_callers_are_warned_of(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    old = authority("Old", None, key("P-256", 63), identifiers=False)
    issued = Reading.of(issue(Authority(old.certificate, old.key), [FQDN], now))
    found = judge(issued, FQDN, now, [old.certificate]).findings
    assert [(one.code, "'Old'" in one.subject) for one in found] == [(CODE, True)]
    assert strictly(issued.bundle(), [old.certificate], FQDN, tmp_path) == "Missing Subject Key Identifier"


def test_what_localcloud_serves_is_taken(tmp_path: Path) -> None:
    served = load_or_make(tmp_path, "127.0.0.1")
    root_of_it = x509.load_pem_x509_certificate(served.ca.read_bytes())
    assert refusal_of(served.certificate, served.key, [root_of_it], "localhost", strict=True) == ""
    assert refusal_of(served.certificate, served.key, [root_of_it], "127.0.0.1", strict=True) == ""
    served.certificate.unlink()  # a new leaf below the root that is kept
    again = load_or_make(tmp_path, "127.0.0.1")
    assert refusal_of(again.certificate, again.key, [root_of_it], "localhost", strict=True) == ""
