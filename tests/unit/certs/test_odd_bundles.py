"""One odd bundle for each rule and each way in which a file can be odd: refused with its own words, or
mended.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.bundle import read
from certs.checks import judge, require
from certs.errors import RefusedError
from certs.findings import errors_in
from tests.support.certificates.forge import (
    FQDN,
    NOW,
    chain,
    intermediate,
    key,
    key_pem,
    leaf,
    make,
    root,
    self_signed,
    weakly_signed,
)
from tests.support.certificates.odd_bundles import CHAIN, KEY, Case, read_case, roots_of
from tests.support.certificates.odd_certificates import constrained, fit, refused, warned
from tests.support.certificates.odd_paths import mended
from tests.support.certificates.odd_texts import MENDED, UNREADABLE


@pytest.mark.parametrize("case", [*UNREADABLE, *refused(NOW)], ids=lambda case: case.name)
def test_odd_bundle_is_refused_in_its_own_words(case: Case) -> None:
    reading = read_case(case)
    found = errors_in(judge(reading, case.fqdn, NOW, roots_of(case)).findings)
    assert [finding.code for finding in found] == [case.code]
    text = str(found[0])
    assert [words for words in case.says if words not in text] == []
    with pytest.raises(case.raises) as caught:
        require(reading, case.fqdn, NOW, roots_of(case))
    assert type(caught.value) is case.raises
    assert case.says[0] in str(caught.value)


@pytest.mark.parametrize("case", [*MENDED, *mended(NOW)], ids=lambda case: case.name)
def test_odd_bundle_is_mended_and_said_so(case: Case) -> None:
    checked = require(read_case(case), case.fqdn, NOW, roots_of(case))
    assert {(finding.code, finding.severity) for finding in checked.findings} == {(case.code, "mended")}
    text = str(checked.findings[0])
    assert [words for words in case.says if words not in text] == []
    assert checked.bundle.certificate_pem.encode() == CHAIN
    assert checked.bundle.key_pem.encode() == KEY


@pytest.mark.parametrize("case", fit(NOW), ids=lambda case: case.name)
def test_a_bundle_that_is_only_unlike_others_passes_without_a_word(case: Case) -> None:
    certificate, private_key = case.texts()
    checked = require(read(certificate, private_key), case.fqdn, NOW, roots_of(case))
    assert checked.findings == ()
    assert checked.bundle.certificate_pem.encode() == certificate


def test_everything_is_said_at_once() -> None:
    made = leaf(
        names=["other.example.com"],
        key_kind="RSA-1024",
        end=NOW - timedelta(days=1),
        extended=[ExtendedKeyUsageOID.CLIENT_AUTH],
    )
    reading = read(b"\xef\xbb\xbf" + made.pem, key_pem(key("P-521")))
    codes = [finding.code for finding in judge(reading, FQDN, NOW).findings]
    assert sorted(codes[:-1]) == [
        "chain-incomplete",
        "expired",
        "key-mismatch",
        "name-not-covered",
        "rsa-too-short",
        "usage-not-server",
    ]
    assert codes[-1] == "pem-bom"
    with pytest.raises(RefusedError, match="6 things are wrong") as caught:
        require(reading, FQDN, NOW)
    assert str(caught.value).count("\n  - ") == 6


def test_what_can_be_read_is_judged_though_the_other_cannot_be() -> None:
    expired = leaf(end=NOW - timedelta(days=1))
    found = judge(read(chain(expired, intermediate()), b""), FQDN, NOW).findings
    assert [finding.code for finding in found] == ["empty", "expired"]
    found = judge(read(b"", key_pem(key("Ed25519"))), "nonsense", NOW).findings
    assert [finding.code for finding in found] == ["empty", "fqdn-invalid", "key-type-unsupported"]


@pytest.mark.parametrize("kind", ["RSA-2048", "RSA-3072", "P-256", "P-384"])
def test_fit_bundles_pass_without_a_word(kind: str) -> None:
    issuer = intermediate("RSA-2048" if kind.startswith("RSA") else "P-256")
    top = root("RSA-2048" if kind.startswith("RSA") else "P-256")
    made = leaf(issuer, key_kind=kind, names=["*.example.com"])
    for roots in (
        None,
        [top.certificate],
        [root("P-256", 1).certificate, top.certificate],
        [issuer.certificate],
    ):
        assert judge(read(chain(made, issuer), made.key_pem), FQDN, NOW, roots).findings == ()


def test_a_leaf_below_a_known_root_needs_no_intermediate() -> None:
    made = leaf(root())
    assert judge(read(made.pem, made.key_pem), FQDN, NOW, [root().certificate]).findings == ()


def test_name_constraints_that_allow_the_name_pass() -> None:
    certificate, private_key = constrained("example.com")()
    assert judge(read(certificate, private_key), FQDN, NOW, [root().certificate]).findings == ()


@pytest.mark.parametrize("case", warned(NOW), ids=lambda case: case.name)
def test_a_warning_does_not_refuse(case: Case) -> None:
    checked = require(read_case(case), case.fqdn, NOW, roots_of(case))
    assert [(one.code, one.severity) for one in checked.findings] == [(case.code, "warning")]
    assert [words for words in case.says if words not in str(checked.findings[0])] == []


def test_a_needless_password_is_a_warning() -> None:
    checked = require(read(CHAIN, KEY, password="needless"), FQDN, NOW)
    assert [(one.code, one.severity) for one in checked.findings] == [("password-unused", "warning")]


def test_a_self_signed_certificate_is_its_own_chain() -> None:
    alone = self_signed()
    checked = require(read(alone.pem, alone.key_pem), FQDN, NOW)
    assert [one.code for one in checked.findings] == ["leaf-self-signed"]
    assert checked.bundle.chain == (alone.certificate,)


def test_self_signed_weakly_is_refused_too() -> None:
    made = make(FQDN, None, key("RSA-2048"), names=[FQDN])
    weak = weakly_signed(made, made, "sha1")
    found = errors_in(judge(read(weak.pem, weak.key_pem), FQDN, NOW).findings)
    assert [finding.code for finding in found] == ["signature-hash-weak"]


def test_minimum_days_is_a_setting() -> None:
    made = leaf(end=NOW + timedelta(days=80))
    reading = read(chain(made, intermediate()), made.key_pem)
    found = judge(reading, FQDN, NOW, minimum_days=81).findings
    assert [finding.code for finding in found] == ["expires-soon"]
    assert "in 80 days; at least 81 are asked for" in found[0].message
    assert judge(reading, FQDN, NOW, minimum_days=80).findings == ()


def test_an_authority_as_leaf_of_its_issuer() -> None:
    made = leaf(basic=(True, 0), usages=["digital_signature", "key_cert_sign"])
    found = errors_in(judge(read(chain(made, intermediate()), made.key_pem), FQDN, NOW).findings)
    assert [finding.code for finding in found] == ["leaf-is-authority"]
