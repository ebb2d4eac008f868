"""The source `self_signed`: an authority, and what it issues."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from certs.checks import judge
from certs.errors import AuthorityError, DomainNameError, UnreadableError
from certs.sources.self_signed import (
    AUTHORITY_LIFETIME,
    BACKDATED,
    LEAF_LIFETIME,
    Authority,
    SelfSignedSource,
    issue,
    new_authority,
)
from certs.sources.source import CertificateSource
from tests.support.certificates.forge import FQDN, NOW, authority, intermediate, key, leaf, root

AUTHORITY = new_authority("Development Authority", NOW)
ROOTS = [AUTHORITY.certificate]


def test_an_authority_may_issue_servers_and_nothing_else() -> None:
    extensions = AUTHORITY.certificate.extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert not usage.value.digital_signature
    assert AUTHORITY.certificate.not_valid_before_utc == NOW - BACKDATED
    assert AUTHORITY.certificate.not_valid_after_utc == NOW + AUTHORITY_LIFETIME


def test_what_it_issues_is_fit_at_once_and_for_the_clock_that_is_behind() -> None:
    bundle = issue(AUTHORITY, [FQDN, "*.example.com"], NOW)
    for moment in (NOW, NOW - timedelta(minutes=4)):
        assert judge(bundle, FQDN, moment, ROOTS).findings == ()
    assert judge(bundle, "other.example.com", NOW, ROOTS).findings == ()
    assert bundle.dns_names == (FQDN, "*.example.com")
    assert bundle.not_after == NOW + LEAF_LIFETIME
    extensions = bundle.leaf.extensions
    own = AUTHORITY.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == own.digest
    assert (
        extensions.get_extension_for_class(x509.ExtendedKeyUsage).value[0].dotted_string
        == "1.3.6.1.5.5.7.3.1"
    )


def test_each_issue_is_another_certificate_with_another_key() -> None:
    one, other = issue(AUTHORITY, [FQDN], NOW), issue(AUTHORITY, [FQDN], NOW)
    assert one.leaf.serial_number != other.leaf.serial_number
    assert one.key_pem != other.key_pem


def test_names_are_canonical_and_long_ones_have_no_common_name() -> None:
    bundle = issue(AUTHORITY, ["Bücher.example", "xn--bcher-kva.example."], NOW)
    assert bundle.dns_names == ("xn--bcher-kva.example",)
    long = "a" * 60 + ".example.com"
    bundle = issue(AUTHORITY, [long], NOW)
    assert bundle.leaf.subject.rfc4514_string() == ""
    assert bundle.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    assert judge(bundle, long, NOW, ROOTS).findings == ()
    with pytest.raises(DomainNameError, match="IP address"):
        issue(AUTHORITY, ["127.0.0.1"], NOW)
    with pytest.raises(AuthorityError, match="has no DNS name"):
        issue(AUTHORITY, [], NOW)


def test_a_leaf_does_not_outlive_its_authority() -> None:
    late = NOW + AUTHORITY_LIFETIME - timedelta(days=5)
    assert issue(AUTHORITY, [FQDN], late).not_after == AUTHORITY.certificate.not_valid_after_utc
    with pytest.raises(AuthorityError, match="valid from 2026-06-01 to 2036-05-31") as caught:
        issue(AUTHORITY, [FQDN], NOW + AUTHORITY_LIFETIME)
    assert caught.value.findings[0].code == "authority-expired"
    assert issue(AUTHORITY, [FQDN], NOW).not_before == AUTHORITY.certificate.not_valid_before_utc


def test_an_authority_comes_back_from_pem() -> None:
    again = Authority.from_pem(AUTHORITY.certificate_pem, AUTHORITY.key_pem)
    assert again == AUTHORITY
    assert again.key_pem == AUTHORITY.key_pem
    assert judge(issue(again, [FQDN], NOW), FQDN, NOW, ROOTS).findings == ()
    assert AUTHORITY.key_pem.splitlines()[1] not in repr(again)


def test_what_is_no_authority_is_refused() -> None:
    other = new_authority("Other", NOW)
    with pytest.raises(AuthorityError, match="is not the key of its certificate"):
        Authority.from_pem(AUTHORITY.certificate_pem, other.key_pem)
    with pytest.raises(AuthorityError, match="not that of a self-signed authority"):
        Authority.from_pem(intermediate().pem, intermediate().key_pem)
    with pytest.raises(AuthorityError, match="not that of a self-signed authority"):
        Authority.from_pem(leaf().pem, leaf().key_pem)
    with pytest.raises(UnreadableError, match="key of the development authority: is empty"):
        Authority.from_pem(root().pem, b"")
    edwards = authority("Edwards", None, key("Ed25519"))
    with pytest.raises(AuthorityError, match="is of the kind Ed25519"):
        Authority.from_pem(edwards.pem, edwards.key_pem)
    with pytest.raises(AuthorityError, match="has 65 characters"):
        new_authority("a" * 65, NOW)


def test_an_authority_of_another_make_can_issue() -> None:
    # Made elsewhere, with RSA and without a subject key identifier.
    made = root("RSA-2048")
    again = Authority.from_pem(made.pem, made.key_pem)
    bundle = issue(again, [FQDN], NOW)
    assert judge(bundle, FQDN, NOW, [made.certificate]).findings == ()


def test_the_source_gives_leaf_and_root() -> None:
    source: CertificateSource = SelfSignedSource(AUTHORITY, timedelta(days=7))
    obtained = source.obtain([FQDN], NOW)
    assert obtained.root_pem == AUTHORITY.certificate_pem
    assert obtained.reading.bundle().not_after == NOW + timedelta(days=7)
    assert judge(obtained.reading, FQDN, NOW).findings == ()
    assert AUTHORITY.key_pem.splitlines()[1] not in repr(source)
