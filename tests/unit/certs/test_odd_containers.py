"""PKCS#12 containers: sound ones are read, odd ones refused, each with its own words."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.bundle import Reading
from certs.checks import check, require
from certs.errors import EncryptedKeyError, RefusedError, UnreadableError
from certs.findings import Origin
from certs.pkcs12_reading import read_container
from tests.unit.certs.containers import (
    GOOD,
    PASSWORD,
    container,
    in_ber,
    open_container,
    sealed_container,
)
from tests.unit.certs.forge import FQDN, NOW, chain, intermediate, key, key_der, leaf, root

ORIGIN = Origin.of_file("PFX file", "my tls.pfx")
CHAIN = chain(GOOD, intermediate())
LEGACY = pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
_AES_256 = bytes.fromhex("60864801650304012a")


def read(data: bytes | None, password: str | None = PASSWORD) -> Reading:
    return read_container(data, password, ORIGIN)


@dataclass(frozen=True)
class Case:
    """``says`` are words that the one finding's text must hold."""

    name: str
    code: str
    data: Callable[[], bytes]
    says: tuple[str, ...]
    password: str | None = PASSWORD
    raises: type[Exception] = UnreadableError


def _altered_beside_the_key() -> bytes:
    """One octet of the encrypted certificates is another: the MAC tells, and the key still opens."""
    data = bytearray(container())
    data[len(data) // 3] ^= 1
    return bytes(data)


REFUSED = [
    Case("empty", "empty", lambda: b" \n", ("is empty", "one PKCS#12 container")),
    Case("too large", "too-large", lambda: container() + b"\0" * (1 << 20), ("octets", "right file")),
    Case("prose", "not-pkcs12", lambda: b"see the wiki", ("not a PKCS#12 container", "Export it anew")),
    Case("one octet", "not-pkcs12", lambda: b"\x30", ("not a PKCS#12 container",)),
    Case("PEM", "pfx-is-pem", lambda: CHAIN, ("is PEM, not PKCS#12", "needs no conversion")),
    Case("Base64", "pfx-is-base64", lambda: b64encode(container()), ("base64 -d < 'my tls.pfx'",)),
    Case(
        "JKS",
        "java-keystore",
        lambda: bytes.fromhex("feedfeed00000002"),
        ("Java keystore (JKS)", "keytool -importkeystore -srckeystore 'my tls.pfx'"),
    ),
    Case("certificate in DER", "pfx-damaged", lambda: GOOD.der, ("is not a PKCS#12 container",)),
    Case("key in DER", "pfx-damaged", lambda: key_der(GOOD.key), ("is not a PKCS#12 container",)),
    Case("cut off", "pfx-damaged", lambda: container()[:-9], ("where", "should be; it is cut off")),
    Case("something behind", "pfx-damaged", lambda: container() + b"\n", ("something else follows it",)),
    Case(
        "altered",
        "pfx-damaged",
        _altered_beside_the_key,
        ("its key can be read, and the rest is not what was written",),
    ),
    Case("sealed by a public key", "pfx-unsupported", sealed_container, ("sealed with a public key",)),
    Case(
        "encryption that nobody knows",
        "pfx-unsupported",
        lambda: container().replace(_AES_256, _AES_256[:-2] + b"\x09\x2a"),
        (
            "(2.16.840.1.101.3.4.9.42), or its password is another one",
            "openssl pkcs12 -legacy -in 'my tls.pfx' -nokeys -out chain.pem",
        ),
    ),
    Case(
        "no password",
        "pfx-password-missing",
        container,
        ("is protected by a password, and none was given",),
        password=None,
        raises=EncryptedKeyError,
    ),
    Case(
        "empty password",
        "pfx-password-missing",
        container,
        ("none was given",),
        password="",
        raises=EncryptedKeyError,
    ),
    Case(
        "wrong password",
        "pfx-password-wrong",
        container,
        ("cannot be opened with this password", "openssl pkcs12 -in 'my tls.pfx' -noout"),
        password="password 1",
        raises=EncryptedKeyError,
    ),
    Case(
        "wrong password, triple DES",
        "pfx-password-wrong",
        lambda: container(pbes=LEGACY),
        ("cannot be opened with this password",),
        password="password 1",
        raises=EncryptedKeyError,
    ),
    Case("no key", "no-key", lambda: container(None), ("holds no private key",)),
    Case(
        "no certificate",
        "no-certificate",
        lambda: container(certificate=None, others=()),
        ("holds no certificate",),
    ),
    Case(
        "two keys",
        "several-keys",
        lambda: open_container([GOOD.key, key("P-256", 3)], [GOOD.der, intermediate().der]),
        ("holds 2 private keys", "-srcalias NAME"),
        password=None,
    ),
    Case(
        "not a certificate",
        "pfx-damaged",
        lambda: open_container([GOOD.key], [b"\x30\x03\x02\x01\x01"]),
        ("is damaged",),
        password=None,
    ),
    Case(
        "foreign key",
        "key-mismatch",
        lambda: open_container([key("P-256", 3)], [GOOD.der, intermediate().der]),
        ("PFX file my tls.pfx: is not the key of the certificate 'api.example.com'",),
        password=None,
        raises=RefusedError,
    ),
    Case(
        "two leaves",
        "two-leaves",
        lambda: container(others=[intermediate().certificate, leaf(key_kind="P-384").certificate]),
        ("a second server certificate",),
        raises=RefusedError,
    ),
    Case(
        "no intermediate",
        "chain-incomplete",
        lambda: container(others=()),
        ("lacks the intermediate 'CN=Test Intermediate 0'",),
        raises=RefusedError,
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_odd_container_is_refused_in_its_own_words(case: Case) -> None:
    reading = read(case.data(), case.password)

    (finding,) = check(reading, FQDN, NOW)

    assert (finding.code, finding.severity) == (case.code, "error")
    assert str(finding).startswith("PFX file my tls.pfx")
    assert [words for words in case.says if words not in str(finding)] == []
    with pytest.raises(case.raises) as caught:
        require(reading, FQDN, NOW)
    assert type(caught.value) is case.raises
    assert (
        case.password is None or case.password not in repr(reading) + str(caught.value) or not case.password
    )


FIT = {
    "AES": (container, PASSWORD),
    "triple DES": (lambda: container(pbes=LEGACY), PASSWORD),
    "AES below SHA-1": (lambda: container(pbes=pkcs12.PBES.PBESv2SHA256AndAES256CBC), PASSWORD),
    "no password": (lambda: container(password=None), None),
    "no MAC": (lambda: open_container([GOOD.key], [GOOD.der, intermediate().der]), None),
    "leaf last": (lambda: open_container([GOOD.key], [intermediate().der, GOOD.der]), None),
}


@pytest.mark.parametrize(("data", "password"), FIT.values(), ids=FIT.keys())
def test_container_is_fit_without_a_word(data: Callable[[], bytes], password: str | None) -> None:
    checked = require(read(data(), password), FQDN, NOW, [root().certificate])

    assert checked.findings == ()
    assert checked.bundle.certificate_pem.encode() == CHAIN
    assert checked.bundle.key_pem.encode() == GOOD.key_pem


def test_what_is_odd_and_harmless_is_said() -> None:
    with_root = read(container(others=[root().certificate, intermediate().certificate]))
    assert [(one.code, one.severity) for one in with_root.findings] == [("chain-root-left-out", "mended")]
    assert with_root.root_pem == root().pem.decode()

    ber = require(read(in_ber(container())), FQDN, NOW)
    assert [(one.code, one.severity) for one in ber.findings] == [("pfx-ber", "mended")]
    assert ber.bundle.certificate_pem.encode() == CHAIN

    needless = require(read(open_container([GOOD.key], [GOOD.der, intermediate().der])), FQDN, NOW)
    assert [(one.code, one.severity) for one in needless.findings] == [("password-unused", "warning")]


def test_a_chain_without_its_key_is_judged_all_the_same() -> None:
    found = check(read(container(None)), "www.example.org", NOW)

    assert [one.code for one in found] == ["no-key", "name-not-covered"]


def test_octets_that_could_not_be_had_are_their_sources_word() -> None:
    reading = read(None)

    assert (reading.chain, reading.key, reading.findings) == ((), None, ())


def test_random_damage_never_stops_the_reader_nor_changes_the_key() -> None:
    sound = container()
    generator = random.Random(7292)  # noqa: S311  (the same damage at each run)
    for _ in range(500):
        data = bytearray(sound)
        position = generator.randrange(len(data) if generator.random() < 0.5 else 120)
        data[position] ^= 1 << generator.randrange(8)
        reading = read(bytes(data))
        if reading.key is None:
            assert [one.severity for one in reading.read_findings] == ["error"]
        else:
            assert key_der(reading.key) == key_der(GOOD.key)
