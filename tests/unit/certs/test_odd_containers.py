"""PKCS#12 containers: sound ones are read, odd ones refused, each with its own words."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.bundle import Reading
from certs.checks import judge, require
from certs.errors import EncryptedKeyError
from certs.findings import Origin
from certs.pkcs12_reading import read_container
from tests.support.certificates.containers import PASSWORD, container, open_container
from tests.support.certificates.forge import FQDN, NOW, intermediate, key_der, root
from tests.support.certificates.odd_bundles import CHAIN, GOOD
from tests.support.certificates.odd_containers import LEGACY, MENDED, REFUSED, WARNED, Case

ORIGIN = Origin.of_file("PFX file", "my tls.pfx")


def read(data: bytes | None, password: str | None = PASSWORD) -> Reading:
    return read_container(data, password, ORIGIN)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_odd_container_is_refused_in_its_own_words(case: Case) -> None:
    reading = read(case.data(), case.password)

    (finding,) = judge(reading, FQDN, NOW).findings

    assert (finding.code, finding.severity) == (case.code, "error")
    assert str(finding).startswith("PFX file my tls.pfx")
    assert [words for words in case.says if words not in str(finding)] == []
    with pytest.raises(case.raises) as caught:
        require(reading, FQDN, NOW)
    assert type(caught.value) is case.raises
    assert (
        case.password is None or case.password not in repr(reading) + str(caught.value) or not case.password
    )


ENDINGS = {
    "CR": ("\r", "a carriage return; without that, it can."),
    "CRLF": ("\r\n", "a line feed; without that, it can."),
    "LF": ("\n", "a line feed; without that, it can."),
    "space": (" ", "a space; without that, it can."),
    "tab": ("\t", "a tab; without that, it can."),
    "another password, and CR": ("2\r", "a carriage return."),
}


@pytest.mark.parametrize(("ending", "words"), ENDINGS.values(), ids=ENDINGS.keys())
def test_a_wrong_password_that_ends_with_white_space_is_told_so(ending: str, words: str) -> None:
    (finding,) = judge(read(container(), f"{PASSWORD}{ending}"), FQDN, NOW).findings

    assert (finding.code, finding.severity) == ("pfx-password-ending", "error")
    assert finding.message == f"cannot be opened with this password, which ends with {words}"
    assert "tr -d '\\r' < FILE" in finding.remedy
    with pytest.raises(EncryptedKeyError):
        require(read(container(), f"{PASSWORD}{ending}"), FQDN, NOW)


def test_a_password_may_end_with_white_space() -> None:
    data = container(password=f"{PASSWORD}\r")

    assert require(read(data, f"{PASSWORD}\r"), FQDN, NOW).findings == ()


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


@pytest.mark.parametrize("case", [*MENDED, *WARNED], ids=lambda case: case.name)
def test_what_is_odd_and_harmless_is_said(case: Case) -> None:
    checked = require(read(case.data(), case.password), FQDN, NOW)

    severity = "mended" if case in MENDED else "warning"
    assert [(one.code, one.severity) for one in checked.findings] == [(case.code, severity)]
    assert [words for words in case.says if words not in str(checked.findings[0])] == []
    assert checked.bundle.certificate_pem.encode() == CHAIN
    assert checked.bundle.key_pem.encode() == GOOD.key_pem


def test_the_root_of_a_container_is_kept_for_callers() -> None:
    reading = read(container(others=[root().certificate, intermediate().certificate]))

    assert reading.root_pem == root().pem.decode()


def test_a_chain_without_its_key_is_judged_all_the_same() -> None:
    found = judge(read(container(None)), "www.example.org", NOW).findings

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
