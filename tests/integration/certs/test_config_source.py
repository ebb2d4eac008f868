"""The source `config`: two texts, judged as files are, and named by their settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from certs.checks import judge, require
from certs.sources.config import ConfigSource
from certs.sources.source import CertificateSource
from tests.support.certificates.forge import FQDN, NOW, chain, intermediate, root
from tests.support.certificates.odd_bundles import GOOD

CHAIN = chain(GOOD, intermediate()).decode()
KEY = GOOD.key_pem.decode()


def source(certificate: str = CHAIN, key: str = KEY, roots: Path | None = None) -> ConfigSource:
    return ConfigSource(certificate, key, "app:certificateChain", "app:certificateKey", roots)


def test_texts_are_read(tmp_path: Path) -> None:
    given: CertificateSource = source()
    checked = require(given.obtain([FQDN], NOW).reading, FQDN, NOW)
    assert checked.findings == ()
    assert (checked.bundle.certificate_pem, checked.bundle.key_pem) == (CHAIN, KEY)
    assert source(CHAIN + root().pem.decode()).obtain([FQDN], NOW).root_pem == root().pem.decode()
    (tmp_path / "roots.pem").write_bytes(root().pem)
    assert source(roots=tmp_path / "roots.pem").obtain([FQDN], NOW).root_pem == root().pem.decode()


def test_a_text_folded_as_yaml_does_is_mended() -> None:
    folded = source(CHAIN.replace("\n", " "), KEY.replace("\n", "\\n")).obtain([FQDN], NOW)
    checked = require(folded.reading, FQDN, NOW)
    assert [(one.code, one.severity) for one in checked.findings] == [
        ("pem-one-line", "mended"),
        ("pem-escaped-newlines", "mended"),
    ]
    assert (checked.bundle.certificate_pem, checked.bundle.key_pem) == (CHAIN, KEY)


@pytest.mark.parametrize(
    ("given", "code", "subject"),
    [
        (source(certificate=""), "empty", "setting app:certificateChain"),
        (source(key="s3cret"), "not-pem", "setting app:certificateKey"),
        (source(KEY, CHAIN), "files-swapped", "setting app:certificateChain"),
        (source(CHAIN[:-40]), "pem-truncated", "setting app:certificateChain"),
    ],
    ids=["empty chain", "no PEM", "swapped", "cut off"],
)
def test_what_is_wrong_is_named_by_its_setting(given: ConfigSource, code: str, subject: str) -> None:
    (found,) = judge(given.obtain([FQDN], NOW).reading, FQDN, NOW).findings
    assert (found.code, found.subject) == (code, subject)


def test_the_key_is_in_no_text() -> None:
    given = source(key="s3cret")
    reading = given.obtain([FQDN], NOW).reading
    assert "s3cret" not in repr(given) + repr(reading) + str(reading.findings)
