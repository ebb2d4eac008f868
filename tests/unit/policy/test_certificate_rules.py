"""SSL on, a certificate that callers trust, and that lasts."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509

from certs.bundle import to_pem
from certs.sources.self_signed import issue, new_authority
from policy.rules.certificate import (
    MINIMUM_DAYS_TO_EXPIRY,
    NO_SELF_SIGNED_IN_PRODUCTION,
    SSL_ENABLED_IN_PRODUCTION,
)
from policy.rules.rule import UNKNOWN, ResourceRule
from policy.rules.tokens import DEVELOPMENT_CA, SERVICE
from tests.support.certificates import odd_encodings
from tests.support.certificates.forge import key, make
from tests.support.certificates.odd_bundles import Case
from tests.support.policy_resources import NOW, messages, resource

DAY = dt.timedelta(days=1)
KEY = key()


def certificate(name: str, days_left: float, *, issuer: str | None = None) -> x509.Certificate:
    """Signed with its own key, whoever its issuer is said to be."""

    made = make(
        name,
        None,
        KEY,
        begin=NOW - 400 * DAY,
        end=NOW + days_left * DAY,
        basic=None,
        identifiers=False,
        issuer_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer or name)]),
    )
    return made.certificate


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("ssl_enabled", [True, UNKNOWN])
def test_ssl_on_or_not_known_passes(production: bool, ssl_enabled: object) -> None:
    about = resource(SERVICE, {"ssl_enabled": ssl_enabled})
    assert messages(SSL_ENABLED_IN_PRODUCTION, about, production=production) == []


def test_ssl_off_is_refused_in_production_alone() -> None:
    about = resource(SERVICE, {"ssl_enabled": False})
    assert messages(SSL_ENABLED_IN_PRODUCTION, about) == []
    assert messages(SSL_ENABLED_IN_PRODUCTION, about, production=True) == [
        "SSL is off on a production stack: anyone who reaches the service may call it, without a key. "
        "Set fpga-web-service:sslEnabled to true."
    ]


def test_a_development_authority_is_refused_in_production_alone() -> None:
    about = resource(DEVELOPMENT_CA, {"common_name": UNKNOWN})
    assert messages(NO_SELF_SIGNED_IN_PRODUCTION, about) == []
    (message,) = messages(NO_SELF_SIGNED_IN_PRODUCTION, about, production=True)
    assert "a development authority issues the certificate of a production stack" in message
    assert "Set fpga-web-service:certificateSource to files, pfx, config or acme." in message


def test_a_self_signed_leaf_is_refused_in_production_alone() -> None:
    about = resource(SERVICE, {"ssl_certificate": to_pem([certificate("a.contoso.test", 90)])})
    assert messages(NO_SELF_SIGNED_IN_PRODUCTION, about) == []
    (message,) = messages(NO_SELF_SIGNED_IN_PRODUCTION, about, production=True)
    assert "the certificate 'a.contoso.test' of a production stack is signed with its own key" in message
    assert "Take one from a certification authority: fpga-web-service:certificateSource files" in message


BOTH = [NO_SELF_SIGNED_IN_PRODUCTION, MINIMUM_DAYS_TO_EXPIRY]


@pytest.mark.parametrize("rule", BOTH, ids=lambda rule: rule.name)
@pytest.mark.parametrize("chain", [{}, {"ssl_certificate": ""}, {"ssl_certificate": None}])
def test_ssl_without_a_certificate_is_not_one_without_a_fault(
    rule: ResourceRule, chain: dict[str, object]
) -> None:
    for is_on, said in (
        (True, ["SSL is on, and it is given no certificate. Set fpga-web-service:certificateSource."]),
        (False, []),
        (UNKNOWN, []),
    ):
        about = resource(SERVICE, {"ssl_enabled": is_on} | chain)
        assert messages(rule, about, production=True) == said


@pytest.mark.parametrize("rule", BOTH, ids=lambda rule: rule.name)
def test_what_cannot_be_read_passes_no_rule_about_it(rule: ResourceRule) -> None:
    about = resource(SERVICE, {"ssl_enabled": True, "ssl_certificate": "no certificate"})
    (message,) = messages(rule, about, production=True)
    assert message.startswith("its chain cannot be read, so nobody knows")
    assert "no certificate" not in message


@pytest.mark.parametrize("chain", ["", UNKNOWN, "issued"])
def test_what_an_authority_issued_or_is_not_known_passes_in_production(chain: object) -> None:
    if chain == "issued":
        chain = issue(new_authority("An authority", NOW), ["a.contoso.test"], NOW).certificate_pem
    about = resource(SERVICE, {"ssl_certificate": chain})
    assert messages(NO_SELF_SIGNED_IN_PRODUCTION, about, production=True) == []


@pytest.mark.parametrize("case", odd_encodings.WARNED, ids=lambda case: case.name)
def test_a_chain_that_tls_stacks_take_has_an_expiry(case: Case) -> None:
    about = resource(SERVICE, {"ssl_certificate": case.texts()[0].decode()})
    assert messages(MINIMUM_DAYS_TO_EXPIRY, about) == []
    assert messages(NO_SELF_SIGNED_IN_PRODUCTION, about, production=True) == []


@pytest.mark.parametrize("chain", ["", UNKNOWN])
def test_no_chain_or_one_that_is_not_known_has_no_expiry(chain: object) -> None:
    assert messages(MINIMUM_DAYS_TO_EXPIRY, resource(SERVICE, {"ssl_certificate": chain})) == []
    assert messages(MINIMUM_DAYS_TO_EXPIRY, resource(SERVICE)) == []


@pytest.mark.parametrize(("left", "minimum", "fits"), [(14, 14, True), (13.9, 14, False), (0, 0, True)])
def test_days_are_counted_whole(left: float, minimum: int, fits: bool) -> None:
    about = resource(SERVICE, {"ssl_certificate": to_pem([certificate("a.contoso.test", left)])})
    assert (messages(MINIMUM_DAYS_TO_EXPIRY, about, minimumDays=minimum) == []) is fits


def test_two_weeks_are_asked_for_where_nothing_else_is_said() -> None:
    about = resource(SERVICE, {"ssl_certificate": to_pem([certificate("a.contoso.test", 9.5)])})
    assert messages(MINIMUM_DAYS_TO_EXPIRY, about) == [
        "the certificate 'a.contoso.test' expires at 2026-12-03 00:00 UTC, in 9 days; 14 days are asked for. "
        "Give the service a renewed one (of one that the stack has issued, raise "
        "fpga-web-service:certificateGeneration), or lower minimumDays in the pack's configuration."
    ]


def test_an_expired_one_is_refused_even_where_no_day_is_asked_for() -> None:
    about = resource(SERVICE, {"ssl_certificate": to_pem([certificate("a.contoso.test", -2)])})
    (message,) = messages(MINIMUM_DAYS_TO_EXPIRY, about, minimumDays=0)
    assert "2 days ago" in message


def test_an_intermediate_that_ends_first_counts() -> None:
    chain = [certificate("a.contoso.test", 80, issuer="Issuer"), certificate("Issuer", 3, issuer="Root")]
    (message,) = messages(MINIMUM_DAYS_TO_EXPIRY, resource(SERVICE, {"ssl_certificate": to_pem(chain)}))
    assert message.startswith("the certificate 'Issuer' expires")


@pytest.mark.parametrize(
    "text",
    ["s3cret", "-----BEGIN CERTIFICATE-----\nczNjcmV0\n-----END CERTIFICATE-----\n", "schlüssel s3cret"],
)
def test_a_chain_that_cannot_be_read_is_refused_without_quoting_it(text: str) -> None:
    """Whoever mixes up chain and key puts a secret there."""
    (message,) = messages(MINIMUM_DAYS_TO_EXPIRY, resource(SERVICE, {"ssl_certificate": text}))
    assert message.startswith("its chain cannot be read")
    assert "fpga certs check" in message
    assert "s3cret" not in message
    assert "czNjcmV0" not in message
