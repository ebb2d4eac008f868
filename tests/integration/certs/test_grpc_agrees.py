"""What the checks pass, a real gRPC server and client take; what they refuse or mend is held against those
too.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from certs.bundle import read
from certs.checks import judge, require
from certs.pem import Block
from certs.sources.self_signed import Authority, issue, new_authority
from tests.support.certificates import words
from tests.support.certificates.forge import FQDN, NOW, chain, ec_key_der, intermediate, leaf, root, short_key
from tests.support.certificates.handshake import call, serving
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY, Case, read_case
from tests.support.certificates.odd_certificates import fit, refused, warned
from tests.support.certificates.odd_paths import mended
from tests.support.certificates.odd_texts import MENDED, UNREADABLE, WORDS

# gRPC takes these as they are, and the checks do not. Why:
STRICTER = {
    "too large": "a mistake, though a harmless one",
    "bare body after the blocks": "dropped in silence: a certificate that somebody wanted sent",
    "key in the chain": "the chain is public",
    "one PEM for both": "the chain is public",
    "certificate in the key file": "a sign of a mix-up",
    "several keys": "which one is meant is not known",
    "DH parameters": "dropped in silence",
    "foreign block beside the key": "dropped in silence",
    "unrelated authority": "sent to each caller for nothing, or the link to it is missing",
    "two leaves": "which one is meant is not known",
    "common name only": "Go, browsers and RFC 9525 refuse it",
    "a few hours left": "it works until then",
    "wildcard over a top-level domain": "browsers refuse it, and no public authority issues it",
    "RSA-1024": "Go, OpenSSL and browsers refuse it",
    "RSA-1024 above": "OpenSSL and browsers refuse it",
    "RSA-8676 above": "Go refuses it (crypto/tls takes 8192 bits)",
    "too deep": "rustls and Firefox take six authorities in a chain",
    "SHA-1": "Go, OpenSSL and browsers refuse it",
    "SHA-1 above": "Go, OpenSSL and browsers refuse it",
    "self-signed authority as leaf": "rustls and the Web PKI refuse it",
}
# The checks take these with a warning, and gRPC refuses them. Why:
LAXER = {
    "expired root beside the one in force": "which of the two gRPC takes comes of how its store is sorted",
}
# A handshake knows today alone.
TODAY = datetime.now(UTC)
NAMED = [case for case in refused(TODAY) if case.code != "fqdn-invalid"]
BINDS_AS_IT_IS = {
    "CRLF",
    "one-line bodies",
    "empty lines",
    "trailing spaces",
    "lines of 76",
    "text between",
    *(f"words: {name}" for name in WORDS),
    "words before the key",
    "words between and behind",
    "old label",
    "EC parameters",
    "number of 33 octets",
    "twice",
    "root sent",
    "second certificate of the authority",
}


def roots_of(case: Case, certificate: bytes) -> bytes:
    if case.name == "self-signed authority as leaf":
        return certificate
    return root().pem if case.roots is None else chain(*case.roots)


def handshake(case: Case) -> bytes:
    certificate, private_key = case.texts()
    with serving(certificate, private_key) as port:
        return call(port, case.fqdn, roots_of(case, certificate))


def test_a_fit_bundle_is_taken() -> None:
    with serving(CHAIN, KEY) as port:
        assert call(port, FQDN, root().pem) == b"hello"


@pytest.mark.parametrize(
    "case",
    [case for case in [*UNREADABLE, *NAMED] if case.name not in STRICTER],
    ids=lambda case: case.name,
)
def test_what_is_refused_fails_in_grpc_too(case: Case) -> None:
    with pytest.raises((RuntimeError, grpc.RpcError)) as caught:
        handshake(case)
    if isinstance(caught.value, grpc.RpcError):
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    "case", [case for case in [*UNREADABLE, *NAMED] if case.name in STRICTER], ids=lambda case: case.name
)
def test_what_only_the_checks_notice(case: Case) -> None:
    assert handshake(case) == b"hello"


def test_the_table_of_what_only_the_checks_notice_is_current() -> None:
    assert set(STRICTER) <= {case.name for case in [*UNREADABLE, *NAMED]}
    assert set(LAXER) <= {case.name for case in warned(TODAY)}
    assert not BINDS_AS_IT_IS - {case.name for case in MENDED}


@pytest.mark.parametrize("case", [*fit(TODAY), *warned(TODAY)], ids=lambda case: case.name)
def test_what_is_fit_is_taken(case: Case) -> None:
    """As it is written, and as it is sent."""
    certificate, private_key = case.texts()
    held = None if case.roots is None else [one.certificate for one in case.roots]
    bundle = require(read(certificate, private_key), case.fqdn, TODAY, held).bundle
    answers = []
    for sent in (certificate, bundle.certificate_pem.encode()):
        try:
            with serving(sent, private_key) as port:
                answers.append(call(port, case.fqdn, roots_of(case, certificate)))
        except grpc.RpcError:
            answers.append(b"refused")
    assert case.name in LAXER or answers == [b"hello", b"hello"]


@pytest.mark.parametrize("case", [*MENDED, *mended(TODAY)], ids=lambda case: case.name)
def test_what_is_mended_is_taken(case: Case) -> None:
    held = None if case.roots is None else [one.certificate for one in case.roots]
    bundle = require(read_case(case), FQDN, TODAY, held).bundle
    with serving(bundle.certificate_pem.encode(), bundle.key_pem.encode()) as port:
        assert call(port, FQDN, root().pem) == b"hello"


@pytest.mark.parametrize(
    "case", [case for case in MENDED if case.name not in BINDS_AS_IT_IS], ids=lambda case: case.name
)
def test_what_is_mended_did_not_bind_before(case: Case) -> None:
    with pytest.raises(RuntimeError):
        handshake(case)


@pytest.mark.parametrize("kind", ["Ed25519", "P-521"])
def test_a_server_with_such_a_key_binds_and_then_fails_each_handshake(kind: str) -> None:
    made = leaf(key_kind=kind)
    certificate = chain(made, intermediate())
    with serving(certificate, made.key_pem) as port:
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as caught:
                call(port, FQDN, root().pem)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert "Handshake" in (caught.value.details() or "")


@pytest.mark.parametrize("kind", ["P-384", "RSA-2048", "RSA-3072"])
def test_the_other_kinds_of_key_are_taken(kind: str) -> None:
    made = leaf(key_kind=kind)
    with serving(chain(made, intermediate()), made.key_pem) as port:
        assert call(port, FQDN, root().pem) == b"hello"


def test_words_around_the_blocks_are_passed_over() -> None:
    generator = random.Random(7468)  # noqa: S311  (the same words at each run)
    for _ in range(25):
        certificate = words.around(generator, GOOD.pem, intermediate().pem)
        private_key = words.around(generator, KEY)
        with serving(certificate, private_key) as port:
            assert call(port, FQDN, root().pem) == b"hello", (certificate, private_key)


@pytest.mark.parametrize("traditional", [False, True], ids=["PKCS#8", "RFC 5915"])
@pytest.mark.parametrize("octets", [31, 33, 40])
def test_a_number_of_another_length_than_its_curve_is_taken_as_it_is(octets: int, traditional: bool) -> None:
    made = leaf(key=short_key())
    label = "EC PRIVATE KEY" if traditional else "PRIVATE KEY"
    text = Block(label, ec_key_der(made.key, octets, traditional=traditional), 1).pem()
    certificate = chain(made, intermediate())
    mended = require(read(certificate, text), FQDN, NOW).bundle.key_pem.encode()
    for private_key in (text, mended):
        with serving(certificate, private_key) as port:
            assert call(port, FQDN, root().pem) == b"hello"


def test_a_development_certificate_is_taken_by_those_who_hold_its_root() -> None:
    now = datetime.now(UTC)
    authority = new_authority("Development Authority", now)
    bundle = issue(authority, [FQDN, "*.example.com"], now)
    # Renewed by an authority that came back from the state.
    again = Authority.from_pem(authority.certificate_pem, authority.key_pem)
    renewed = issue(again, [FQDN], now + timedelta(seconds=1))
    for one in (bundle, renewed):
        assert judge(one, FQDN, now, [authority.certificate]).findings == ()
        with serving(one.certificate_pem.encode(), one.key_pem.encode()) as port:
            assert call(port, FQDN, authority.certificate_pem.encode()) == b"hello"
            with pytest.raises(grpc.RpcError, match="CERTIFICATE_VERIFY_FAILED"):
                call(port, FQDN, new_authority("Development Authority", now).certificate_pem.encode())
            with pytest.raises(grpc.RpcError, match="Hostname Verification Check failed"):
                call(port, "api.example.org", authority.certificate_pem.encode())
