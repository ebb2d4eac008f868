"""The settings of each source of certificates: which it needs, which it takes, how secrets stand there."""

from __future__ import annotations

import pytest

from infra.settings import certificate as certificate_settings
from infra.settings.certificate import CertificateSettings
from infra.settings.reader import PROJECT_ROOT
from tests.support.certificates.source_settings import S3CRET, SECRETS, SOURCES, settings_of


def read(
    settings: dict[str, str], *, ssl_enabled: bool = True, secrets: set[str] | None = SECRETS
) -> tuple[CertificateSettings, list[str]]:
    """The same of a stack with SSL or without."""
    return settings_of(settings | {"sslEnabled": str(ssl_enabled).lower()}, secrets)


def test_each_source_reads_its_own() -> None:
    found = {source: read(given | {"certificateSource": source}) for source, given in SOURCES.items()}

    assert [problems for _, problems in found.values()] == [[]] * len(certificate_settings.SOURCES)
    assert found["pfx"][0].pfx_file == PROJECT_ROOT / "README.md"
    assert found["pfx"][0].pfx_password == S3CRET
    assert (found["config"][0].chain, found["config"][0].key) == ("chain", S3CRET)
    assert [S3CRET in repr(settings) for settings, _ in found.values()] == [False] * 5


def test_the_password_of_a_pfx_may_be_none() -> None:
    assert read({"certificateSource": "pfx", "pfxFile": "README.md"})[1] == []


MISSING = {
    "files": [
        "certificateFile is not set: it is the path of the PEM file with the certificate and its chain",
        "keyFile is not set: it is the path of the PEM file with the certificate's private key",
    ],
    "pfx": [
        "pfxFile is not set: it is the path of the PKCS#12 file with the certificate, its chain and its "
        "private key"
    ],
    "config": [
        "certificateChain is not set: it is the certificate and its chain in PEM: "
        "`pulumi config set --plaintext fpga-web-service:certificateChain < FILE`",
        "certificateKey is not set: it is the certificate's private key in PEM: "
        "`pulumi config set --secret fpga-web-service:certificateKey < FILE`",
    ],
}


@pytest.mark.parametrize(("source", "words"), MISSING.items(), ids=MISSING.keys())
def test_what_a_source_needs_is_asked_for_while_ssl_is_on(source: str, words: list[str]) -> None:
    assert read({"certificateSource": source})[1] == [f"fpga-web-service:{one}" for one in words]
    assert read({"certificateSource": source}, ssl_enabled=False)[1] == []


FOREIGN = [
    (source, key, user)
    for user, settings in SOURCES.items()
    for key in settings
    for source in SOURCES
    if user != "acme" and source != user
]


@pytest.mark.parametrize(("source", "key", "user"), FOREIGN)
def test_a_setting_of_another_source_is_refused(source: str, key: str, user: str) -> None:
    own = SOURCES[source] | {"certificateSource": source}

    assert read(own | {key: SOURCES[user][key]})[1] == [
        f"fpga-web-service:{key} is not used with certificateSource {source}: "
        f"remove it, or set certificateSource to {user}"
    ]


def test_roots_belong_to_the_three_that_bring_a_certificate() -> None:
    for source, own in SOURCES.items():
        problems = read(own | {"certificateSource": source, "rootsFile": "README.md"})[1]
        refused = [
            f"fpga-web-service:rootsFile is not used with certificateSource {source}: "
            "remove it, or set certificateSource to files or pfx or config"
        ]
        assert problems == ([] if source in ("files", "pfx", "config") else refused)


@pytest.mark.parametrize(("source", "key"), [("pfx", "pfxPassword"), ("config", "certificateKey")])
def test_a_secret_that_stands_in_plain_is_refused_and_not_told(source: str, key: str) -> None:
    own = SOURCES[source] | {"certificateSource": source}

    (problem,) = read(own, secrets=SECRETS - {f"fpga-web-service:{key}"})[1]

    assert problem.startswith(f"fpga-web-service:{key} stands in plain in the stack's file: ")
    assert problem.endswith(f"`pulumi config set --secret fpga-web-service:{key}`")
    assert "s3cret" not in problem
    assert read(own, secrets=None)[1] == []  # where nobody knows


def test_a_pfx_that_is_not_there_is_named() -> None:
    (problem,) = read({"certificateSource": "pfx", "pfxFile": "no/such.pfx"})[1]

    assert (
        problem
        == f"fpga-web-service:pfxFile is 'no/such.pfx': there is nothing at {PROJECT_ROOT}/no/such.pfx"
    )
