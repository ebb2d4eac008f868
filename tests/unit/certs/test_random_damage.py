"""Whatever happens to a text on its way, nothing but findings and CertificateError comes of reading it."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certs.bundle import read, read_roots
from certs.checks import judge, require
from certs.errors import CertificateError
from certs.findings import Origin, errors_in
from tests.support.certificates import words
from tests.support.certificates.forge import FQDN, NOW, chain, intermediate, key, key_pem, leaf, request, root

GOOD = leaf()
CHAIN = chain(GOOD, intermediate())
KEY = GOOD.key_pem
LOCKED = key_pem(GOOD.key, traditional=True, password=b"secret")
ROOTS = [root().certificate]
SEED = 20260601
PIECES = [
    GOOD.pem,
    intermediate().pem,
    root().pem,
    root("P-256", 1).pem,
    leaf(key=key("P-256", 4), end=NOW + timedelta(days=5)).pem,
    KEY,
    LOCKED,
    request(GOOD.key).public_bytes(Encoding.PEM),
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
    b"-----BEGIN PRIVATE KEY-----\n",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\r",
    b"\\n",
    b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n",
    b"",
    b"\x00",
    GOOD.der,
]


def survives(certificate: bytes, private_key: bytes, password: str | None = None) -> bool:
    """Whether the two are taken; fails the test for any error that is none of the room's."""
    reading = read(certificate, private_key, password=password)
    findings = judge(reading, FQDN, NOW, ROOTS).findings
    for finding in findings:
        assert finding.code
        assert finding.message.endswith((".", "?"))
        assert str(finding).isprintable()
        assert finding.subject
    if errors_in(findings):
        with pytest.raises(CertificateError) as caught:
            require(reading, FQDN, NOW, ROOTS)
        assert errors_in(caught.value.findings)
        return False
    bundle = require(reading, FQDN, NOW, ROOTS).bundle
    # What is taken is whole: it passes as it is written, with no word but of its dates.
    again = judge(read(bundle.certificate_pem, bundle.key_pem), FQDN, NOW, ROOTS).findings
    assert {finding.code for finding in again} <= {"renewal-due"}
    return True


def test_a_chain_cut_at_any_octet_is_never_taken_for_less() -> None:
    whole = read(CHAIN, KEY).bundle()
    for length in range(len(CHAIN)):
        reading = read(CHAIN[:length], KEY)
        if errors_in(judge(reading, FQDN, NOW, ROOTS).findings):
            continue
        # Only the last line end may be missing.
        assert length >= len(CHAIN) - 1, length
        assert reading.bundle() == whole


def test_whatever_words_are_around_the_blocks_they_are_left_out() -> None:
    whole = read(CHAIN, KEY).bundle()
    first, second = GOOD.pem, CHAIN.removeprefix(GOOD.pem)
    generator = random.Random(7468)  # noqa: S311  (the same words at each run)
    for _ in range(500):
        certificate, private_key = words.around(generator, first, second), words.around(generator, KEY)
        checked = require(read(certificate, private_key), FQDN, NOW, ROOTS)
        assert {one.code for one in checked.findings} <= {"pem-text-outside"}, (certificate, private_key)
        assert checked.bundle == whole
        assert checked.bundle.key_pem.encode() == KEY


def test_a_key_cut_at_any_octet_is_never_taken() -> None:
    for length in range(len(KEY)):
        assert survives(CHAIN, KEY[:length]) is (length >= len(KEY) - 1), length


@pytest.mark.parametrize("text", ["chain", "key", "locked"])
def test_changed_octets(text: str) -> None:
    dice = random.Random(f"{SEED} {text}")  # noqa: S311
    original = {"chain": CHAIN, "key": KEY, "locked": LOCKED}[text]
    taken = 0
    for _ in range(400):
        damaged = bytearray(original)
        for _ in range(dice.choice((1, 1, 1, 2, 5))):
            place = dice.randrange(len(damaged))
            change = dice.choice(("set", "flip", "delete", "insert", "newline"))
            if change == "set":
                damaged[place] = dice.randrange(256)
            elif change == "flip":
                damaged[place] ^= 1 << dice.randrange(8)
            elif change == "delete":
                del damaged[place]
            else:
                damaged[place:place] = b"\n" if change == "newline" else bytes([dice.randrange(32, 127)])
        certificate, private_key = (bytes(damaged), KEY) if text == "chain" else (CHAIN, bytes(damaged))
        taken += survives(certificate, private_key, "secret" if text == "locked" else None)
    assert taken < 200


def test_changed_octets_below_the_encoding() -> None:
    """Damage that Base64 does not show: the DER itself."""
    dice = random.Random(f"{SEED} der")  # noqa: S311
    for _ in range(600):
        der = bytearray(GOOD.der)
        for _ in range(dice.choice((1, 1, 2, 4))):
            der[dice.randrange(len(der))] = dice.randrange(256)
        text = b"-----BEGIN CERTIFICATE-----\n" + b64encode(der) + b"\n-----END CERTIFICATE-----\n"
        taken = survives(text + intermediate().pem, KEY)
        assert not taken or bytes(der) == GOOD.der
        assert not survives(bytes(der), KEY)


def _shuffles(dice: random.Random) -> Iterator[bytes]:
    for _ in range(300):
        yield b"".join(dice.choices(PIECES, k=dice.randrange(6)))


def test_blocks_and_fragments_in_any_order() -> None:
    dice = random.Random(SEED)  # noqa: S311
    for certificate, private_key in zip(_shuffles(dice), _shuffles(dice), strict=True):
        survives(certificate, private_key, dice.choice((None, "secret", "wrong", "")))
        survives(certificate, KEY)
        survives(CHAIN, private_key)


def test_random_octets() -> None:
    dice = random.Random(f"{SEED} octets")  # noqa: S311
    for _ in range(300):
        noise = dice.randbytes(dice.randrange(80))
        assert not survives(dice.choice((b"", b"0", b"0\x82", b"\xff\xfe", b"-----BEGIN ")) + noise, KEY)
        assert not survives(CHAIN, noise)
        with pytest.raises(CertificateError):
            read_roots(noise, Origin.of_file("roots file", "roots.pem"))


def test_any_order_of_a_true_chain_gives_one_bundle() -> None:
    dice = random.Random(f"{SEED} order")  # noqa: S311
    blocks = [GOOD, intermediate(), root(), GOOD, intermediate()]
    whole = read(CHAIN, KEY).bundle()
    for _ in range(60):
        dice.shuffle(blocks)
        reading = read(chain(*blocks), KEY)
        assert reading.bundle() == whole
        assert reading.root == root().certificate
