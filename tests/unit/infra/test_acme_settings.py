"""The settings of the source `acme`: what is accepted, what is refused, and that no secret is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings.acme import AcmeSettings
from tests.support.certificates.source_settings import settings_of

HMAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV"
GOOD = {
    "acmeDirectory": "https://ca.example/dir",
    "acmeEmail": "hostmaster@contoso.com",
    "acmeProfile": "shortlived",
    "acmeEabKeyId": "kid-1",
    "acmeEabHmacKey": HMAC_KEY,
    "acmeTimeout": "900",
}


def read(
    given: dict[str, str], *, source: str = "acme", secrets: set[str] | None = None
) -> tuple[AcmeSettings | None, list[str]]:
    """The settings of a stack whose certificate is of this source, and the problems in them."""
    found, problems = settings_of(given | {"certificateSource": source, "sslEnabled": "false"}, secrets)
    return found.acme, problems


def test_all_of_them_are_taken(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.touch()

    settings, problems = read(GOOD | {"acmeRootsFile": str(roots)})

    assert problems == []
    assert settings == AcmeSettings(
        directory="https://ca.example/dir",
        email="hostmaster@contoso.com",
        profile="shortlived",
        eab_key_id="kid-1",
        eab_hmac_key=HMAC_KEY,
        roots_file=roots,
        timeout_s=900,
    )
    assert HMAC_KEY not in repr(settings)


def test_the_directory_alone_is_enough() -> None:
    settings, problems = read({"acmeDirectory": "https://ca.example/dir"})

    assert problems == []
    assert settings == AcmeSettings(
        directory="https://ca.example/dir",
        email="",
        profile="",
        eab_key_id="",
        eab_hmac_key="",
        roots_file=None,
        timeout_s=600,
    )


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("acmeDirectory", "", "is not set: it is the URL of the authority's ACME directory"),
        ("acmeDirectory", "http://ca.example/dir", "it takes an https URL"),
        ("acmeDirectory", "ca.example", "it takes an https URL"),
        ("acmeEmail", "mailto:hostmaster", "it takes one e-mail address"),
        ("acmeEmail", "mailto:hostmaster@contoso.com", "and no 'mailto:' before it"),
        ("acmeEmail", "MAILTO:hostmaster@contoso.com", "and no 'mailto:' before it"),
        ("acmeEmail", "hostmaster:x@contoso.com", "it takes one e-mail address"),
        ("acmeEmail", "hostmaster@", "it takes one e-mail address"),
        ("acmeEmail", "hostmaster@contoso", "its domain is a single label"),
        ("acmeEmail", "hostmaster@my_mail.contoso.com", "its domain has the label 'my_mail'"),
        ("acmeEmail", "a@contoso.com,b@contoso.com", "it takes one e-mail address"),
        ("acmeProfile", "short lived", "without spaces"),
        ("acmeEabKeyId", "", "is not set, but acmeEabHmacKey is: give both, or neither"),
        ("acmeEabHmacKey", "", "is not set, but acmeEabKeyId is: `pulumi config set --secret"),
        ("acmeEabHmacKey", "not base64url!", "is not base64url"),
        ("acmeRootsFile", "no/such/file", "there is nothing at"),
        ("acmeTimeout", "0", "it takes a whole number from 1 to 86400"),
        ("acmeTimeout", "10 min", "it takes a whole number from 1 to 86400"),
    ],
)
def test_a_bad_value_is_refused_by_its_key(key: str, value: str, words: str) -> None:
    _, problems = read(GOOD | {key: value})

    (problem,) = problems
    assert problem.startswith(f"fpga-web-service:{key} ")
    assert words in problem
    assert "not base64url!" not in problem


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("value", ["as above", "not one"])
def test_other_sources_take_none_of_them(key: str, value: str) -> None:
    settings, problems = read({key: GOOD[key] if value == "as above" else value}, source="self_signed")

    assert settings is None
    assert problems == [
        f"fpga-web-service:{key} is not used with certificateSource self_signed: remove it, or set "
        "certificateSource to acme"
    ]


def test_the_hmac_key_must_be_encrypted_in_the_stacks_file() -> None:
    (problem,) = read(GOOD, secrets=set())[1]
    assert problem.startswith("fpga-web-service:acmeEabHmacKey stands in plain in the stack's file: ")
    assert problem.endswith("`pulumi config set --secret fpga-web-service:acmeEabHmacKey`")
    assert HMAC_KEY not in problem

    assert read(GOOD, secrets={"fpga-web-service:acmeEabHmacKey"})[1] == []


def test_a_line_end_is_no_part_of_the_hmac_key() -> None:
    settings, problems = read(GOOD | {"acmeEabHmacKey": f"{HMAC_KEY}\n"})

    assert problems == []
    assert settings is not None
    assert settings.eab_hmac_key == HMAC_KEY
