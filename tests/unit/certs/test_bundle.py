"""Bundles, their errors and their words: canonical, and without a secret."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from certs.bundle import Bundle, Reading, read, read_roots
from certs.checks import judge, require
from certs.describe import describe
from certs.errors import CertificateError, EncryptedKeyError, RefusedError, UnreadableError
from certs.findings import Origin, error, printable, warning
from certs.renewal import days_left, due_at, is_due
from tests.support.certificates.forge import (
    FQDN,
    NOW,
    chain,
    intermediate,
    key,
    key_pem,
    leaf,
    root,
    self_signed,
)

GOOD = leaf(end=NOW + timedelta(days=80))
CHAIN = chain(GOOD, intermediate())


def test_a_bundle_tells_its_facts() -> None:
    bundle = read(CHAIN, GOOD.key_pem).bundle()
    assert bundle.leaf == GOOD.certificate
    assert bundle.chain == (GOOD.certificate, intermediate().certificate)
    assert bundle.dns_names == (FQDN,)
    assert bundle.issuer == "CN=Test Intermediate 0"
    assert bundle.not_before == NOW - timedelta(days=10)
    assert bundle.not_after == NOW + timedelta(days=80)
    octets = bundle.fingerprint_sha256.split(":")
    assert len(octets) == 32
    assert all(len(octet) == 2 and octet == octet.upper() for octet in octets)


def test_the_canonical_form_is_stable() -> None:
    once = read(CHAIN.replace(b"\n", b"\r\n"), key_pem(GOOD.key, traditional=True)).bundle()
    again = read(once.certificate_pem, once.key_pem)
    assert again.findings == ()
    assert again.bundle() == once
    assert (again.bundle().certificate_pem, again.bundle().key_pem) == (once.certificate_pem, once.key_pem)
    assert once.key_pem.startswith("-----BEGIN PRIVATE KEY-----\n")


@pytest.mark.parametrize("kind", ["P-256", "RSA-2048"])
@pytest.mark.parametrize("traditional", [False, True])
def test_a_password_opens_the_key(kind: str, traditional: bool) -> None:
    made = leaf(key_kind=kind)
    locked = key_pem(made.key, traditional=traditional, password=b"p\xc3\xa4ss")
    bundle = read(chain(made, intermediate()), locked, password="päss").bundle()
    assert bundle.key_pem.encode() == made.key_pem


def test_no_secret_in_words() -> None:
    bundle = read(CHAIN, GOOD.key_pem).bundle()
    body = GOOD.key_pem.decode().splitlines()[1]
    scalar = str(GOOD.key.private_numbers().private_value)
    broken = read(CHAIN, GOOD.key_pem.replace(b"-----BEGIN", b"----BEGIN").replace(b"\n", b" "))
    wrong = read(CHAIN, key_pem(GOOD.key, password=b"secret"), password="p4ssw0rd")
    for text in (
        repr(bundle),
        repr(Reading.of(bundle)),
        repr(broken),
        str(judge(broken, FQDN, NOW).findings),
        repr(wrong),
        str(judge(wrong, FQDN, NOW).findings),
    ):
        assert body not in text
        assert scalar not in text
        assert "p4ssw0rd" not in text


def test_errors_make_one_tree_and_survive_a_process() -> None:
    locked = read(CHAIN, key_pem(GOOD.key, password=b"secret"))
    with pytest.raises(EncryptedKeyError, match="no password was given") as caught:
        locked.bundle()
    assert isinstance(caught.value, UnreadableError)
    assert isinstance(caught.value, CertificateError)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert type(copy) is EncryptedKeyError
    assert copy.findings == caught.value.findings
    assert str(copy) == str(caught.value)
    both = read(b"", key_pem(GOOD.key, password=b"secret"))
    with pytest.raises(UnreadableError, match="2 things are wrong") as of_both:
        both.bundle()
    assert type(of_both.value) is UnreadableError
    with pytest.raises(RefusedError, match="second server certificate"):
        read(CHAIN + leaf(key=key("P-256", 4)).pem, GOOD.key_pem).bundle()


def test_findings_come_errors_first_and_in_json() -> None:
    due = leaf(begin=NOW - timedelta(days=70), end=NOW + timedelta(days=20), names=["b.example.com"])
    found = judge(read(b"\xef\xbb\xbf" + chain(due, intermediate()), due.key_pem), FQDN, NOW).findings
    assert [one.severity for one in found] == ["error", "warning", "mended"]
    assert json.loads(json.dumps(found[0].to_dict()))["code"] == "name-not-covered"
    assert str(error("a", "file x", "is odd.", "Mend it.")) == "file x: is odd. Mend it."
    assert str(warning("a", "file x", "is odd.")) == "file x: is odd."


def test_origins_name_the_setting_and_the_file() -> None:
    reading = read(
        None,
        b"",
        certificate_origin=Origin("setting certificate:chain", "chain.pem"),
        key_origin=Origin.of_file("key file", "my keys/tls.key"),
    )
    assert [one.subject for one in reading.findings] == ["key file my keys/tls.key"]
    with pytest.raises(UnreadableError):
        reading.bundle()
    locked = read(
        CHAIN, key_pem(GOOD.key, password=b"x"), key_origin=Origin.of_file("key file", "my keys/tls.key")
    )
    assert "openssl pkey -in 'my keys/tls.key' -out 'my keys/tls-converted.pem'" in str(locked.findings[0])


def test_hostile_names_do_not_reach_the_terminal() -> None:
    made = leaf(common_name="\x1b[2J\nboom", names=["other.example.com"])
    judged = judge(read(chain(made, intermediate()), made.key_pem), FQDN, NOW)
    text = "".join(str(one) for one in judged.findings)
    assert "boom" in text
    assert all(character.isprintable() for character in text)
    assert printable("a" * 200) == "a" * 119 + "…"


def test_a_made_bundle_is_checked_like_a_read_one() -> None:
    bundle = Bundle((GOOD.certificate, intermediate().certificate), GOOD.key)
    assert judge(bundle, FQDN, NOW, [root().certificate]).findings == ()
    assert require(bundle, FQDN, NOW).bundle == bundle
    found = judge(bundle, "b.example.com", NOW).findings
    assert [one.subject for one in found] == [f"certificate chain, certificate '{FQDN}'"]


def test_roots_are_read_with_the_same_care() -> None:
    origin = Origin.of_file("roots file", "roots.pem")
    two = read_roots(chain(root(), root("P-256", 1)), origin)
    assert two == (root().certificate, root("P-256", 1).certificate)
    with pytest.raises(UnreadableError, match=r"roots file roots\.pem: is empty"):
        read_roots("", origin)
    with pytest.raises(UnreadableError, match="cut off"):
        read_roots(chain(root(), root("P-256", 1))[:-40], origin)


def test_what_a_certificate_is_in_words() -> None:
    told = describe(GOOD.certificate, NOW).to_dict()
    assert json.loads(json.dumps(told)) == {
        "subject": f"CN={FQDN}",
        "issuer": "CN=Test Intermediate 0",
        "dns_names": [FQDN],
        "serial_number": f"{GOOD.certificate.serial_number:x}",
        "fingerprint_sha256": Bundle((GOOD.certificate,), GOOD.key).fingerprint_sha256,
        "key": "P-256",
        "is_authority": False,
        "is_self_signed": False,
        "not_before": "2026-05-22T12:00:00Z",
        "not_after": "2026-08-20T12:00:00Z",
        "renewal_due_at": "2026-07-21T12:00:00Z",
        "days_left": 80,
    }
    top = describe(root().certificate, NOW)
    assert (top.is_authority, top.is_self_signed, top.dns_names) == (True, True, ())
    assert describe(self_signed().certificate, NOW).is_self_signed
    kinds = ["RSA-2048", "P-384", "P-521", "secp256k1", "Ed25519", "X25519"]
    assert [describe(leaf(key_kind=kind).certificate, NOW).key for kind in kinds] == kinds


def test_renewal_is_due_after_two_thirds() -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    due = datetime(2026, 3, 2, tzinfo=UTC)
    assert due_at(begin, end) == due
    assert not is_due(begin, end, due - timedelta(seconds=1))
    assert is_due(begin, end, due)
    assert is_due(begin, end, end + timedelta(days=9))
    assert [days_left(end, end - timedelta(hours=hours)) for hours in (49, 48, 24, 1, 0, -1)] == [
        2,
        2,
        1,
        0,
        0,
        -1,
    ]


def test_the_public_encoding_is_what_openssl_writes() -> None:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    bundle = read(CHAIN, GOOD.key_pem).bundle()
    assert bundle.key.public_key().public_bytes(
        serialization.Encoding.DER, spki
    ) == bundle.leaf.public_key().public_bytes(serialization.Encoding.DER, spki)
