"""When the resources of the source `acme` are due: by the state alone, without asking anyone."""

from __future__ import annotations

from typing import Any

import pytest

from certs.errors import AcmeError
from infra.providers.acme_account import AcmeAccountProvider
from infra.providers.acme_certificate import AcmeCertificateProvider
from tests.support.provider_states import (
    ACME_ACCOUNT,
    COSTLY,
    REPLACE,
    SAME,
    UNKNOWN,
    UPDATE,
    acme_certificate,
    imported_by,
    verdict,
)


@pytest.mark.parametrize(
    ("age_days", "renew_in_days", "expected"),
    [
        (0, None, SAME),
        (59.9, None, SAME),
        (60.1, None, UPDATE),
        (10, 1, SAME),
        (10, -0.001, UPDATE),
        (60.1, 20, UPDATE),
        (100, 20, UPDATE),
    ],
)
def test_whichever_is_first_of_two_thirds_and_what_the_authority_suggests(
    age_days: float, renew_in_days: float | None, expected: str
) -> None:
    olds = acme_certificate(age_days=age_days, renew_in_days=renew_in_days)

    assert verdict(AcmeCertificateProvider(), olds) == expected


@pytest.mark.parametrize("key", ["fqdn", "profile", "directory", "account", "roots"])
def test_another_name_or_authority_is_another_certificate(key: str) -> None:
    assert verdict(AcmeCertificateProvider(), acme_certificate(), **{key: "other"}) == UPDATE
    assert verdict(AcmeCertificateProvider(), acme_certificate(), **{key: UNKNOWN}) == UPDATE


@pytest.mark.parametrize("key", ["key_of_account", "zone_id", "name_servers", "owner", "minimum_days"])
def test_where_it_is_proved_is_no_reason_for_another(key: str) -> None:
    assert verdict(AcmeCertificateProvider(), acme_certificate(), **{key: UNKNOWN}) == SAME


@pytest.mark.parametrize(
    "news",
    [
        {"caa_issuers": ["letsencrypt.org"]},
        {"caa_issuers": ["other.example", "LetsEncrypt.org; validationmethods=dns-01"]},
        {"caa_issuers": None},
        {},
    ],
)
def test_records_that_let_the_authority_issue_are_no_reason_for_another(news: dict[str, Any]) -> None:
    olds = acme_certificate() | {"caa_identities": ["letsencrypt.org"]}

    assert verdict(AcmeCertificateProvider(), olds, **news) == SAME


def test_records_that_shut_out_the_authority_are_refused_at_the_preview() -> None:
    olds = acme_certificate() | {"caa_identities": ["letsencrypt.org"]}

    with pytest.raises(AcmeError) as caught:
        verdict(AcmeCertificateProvider(), olds, caa_issuers=["digicert.com"])

    assert [finding.code for finding in caught.value.findings] == ["caa-forbids"]
    assert str(caught.value) == (
        "CAA records at contoso.test (as declared): let digicert.com issue (issue); the authority "
        "issues as letsencrypt.org (caaIdentities of its directory). Name letsencrypt.org in "
        "fpga-web-service:caaIssuers, or choose another authority."
    )


def test_another_authority_has_other_names() -> None:
    olds = acme_certificate() | {"caa_identities": ["letsencrypt.org"]}
    moved = {"caa_issuers": ["digicert.com"], "directory": "https://other.example/dir"}

    assert verdict(AcmeCertificateProvider(), olds, **moved) == UPDATE
    for told in (None, list[str]()):
        olds = acme_certificate() | {"caa_identities": told}
        assert verdict(AcmeCertificateProvider(), olds, caa_issuers=["digicert.com"]) == SAME


def test_an_account_is_never_due_and_belongs_to_one_directory_and_binding() -> None:
    assert verdict(AcmeAccountProvider(), ACME_ACCOUNT) == SAME
    assert verdict(AcmeAccountProvider(), ACME_ACCOUNT, email="") == UPDATE
    assert verdict(AcmeAccountProvider(), ACME_ACCOUNT, roots="ROOT") == UPDATE
    assert verdict(AcmeAccountProvider(), ACME_ACCOUNT, directory="https://other.example") == REPLACE
    assert verdict(AcmeAccountProvider(), ACME_ACCOUNT, eab_key_id="kid-2") == REPLACE


def test_a_preview_imports_nothing_costly() -> None:
    asked = """
from infra.providers.acme_account import AcmeAccountProvider
from infra.providers.acme_certificate import AcmeCertificateProvider
from tests.support import provider_states as states

AcmeCertificateProvider().check(states.acme_certificate(), states.acme_certificate())
states.verdict(AcmeCertificateProvider(), states.acme_certificate())
states.verdict(AcmeAccountProvider(), states.ACME_ACCOUNT)
"""
    assert imported_by(asked, (*COSTLY, "acme", "josepy")) == []
