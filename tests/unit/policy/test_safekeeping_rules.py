"""What must not be lost, and what must not be seen."""

from __future__ import annotations

import pytest

from infra import catalogue
from policy.rules.rule import UNKNOWN
from policy.rules.safekeeping import PRODUCTION_PROTECTED, SECRETS_ENCRYPTED, STORAGE_CLOSED
from policy.rules.tokens import BLOB_CONTAINER, KEYS, STORAGE_ACCOUNT
from tests.support.policy_resources import messages, resource

CLOSED = {
    "allowBlobPublicAccess": False,
    "enableHttpsTrafficOnly": True,
    "minimumTlsVersion": "TLS1_2",
}


@pytest.mark.parametrize("token", sorted(PRODUCTION_PROTECTED.types))
def test_what_is_not_protected_is_refused_in_production_alone(token: str) -> None:
    assert messages(PRODUCTION_PROTECTED, resource(token)) == []
    assert messages(PRODUCTION_PROTECTED, resource(token, protected=True), production=True) == []
    assert messages(PRODUCTION_PROTECTED, resource(token), production=True) == [
        "it is not protected on a production stack: a changed name or `pulumi destroy` would delete it. "
        "Set fpga-web-service:protect to true."
    ]


def test_the_rule_asks_for_what_the_program_holds_for_irreplaceable() -> None:
    assert PRODUCTION_PROTECTED.types == {kind.token for kind in catalogue.KINDS if kind.irreplaceable}


def test_the_rule_asks_for_the_secrets_that_the_program_declares() -> None:
    for kind in catalogue.KINDS:
        if kind.token not in SECRETS_ENCRYPTED.types:
            assert kind.secrets == ()
            continue
        assert messages(SECRETS_ENCRYPTED, resource(kind.token, secret_outputs=kind.secrets)) == []
        for secret in kind.secrets:
            others = tuple(one for one in kind.secrets if one != secret)
            (message,) = messages(SECRETS_ENCRYPTED, resource(kind.token, secret_outputs=others))
            assert message.startswith(f"{secret} would stand in plain")


def test_keys_that_are_encrypted_pass() -> None:
    about = resource(KEYS, secret_outputs=("secondary_key", "primary_key", "more"))
    assert messages(SECRETS_ENCRYPTED, about) == []


@pytest.mark.parametrize("token", sorted(SECRETS_ENCRYPTED.types))
def test_keys_in_plain_are_refused_without_quoting_them(token: str) -> None:
    props = dict.fromkeys(("primary_key", "secondary_key", "key", "ssl_key"), "s3cret")
    (message,) = messages(SECRETS_ENCRYPTED, resource(token, props))
    assert "would stand in plain in the stack's state" in message
    assert "additional_secret_outputs" in message
    assert "s3cret" not in message


def test_only_what_is_in_plain_is_named() -> None:
    (message,) = messages(SECRETS_ENCRYPTED, resource(KEYS, secret_outputs=("primary_key",)))
    assert message.startswith("secondary_key would stand in plain")


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"enableHttpsTrafficOnly": None},
        {"minimumTlsVersion": "TLS1_3"},
        dict.fromkeys(CLOSED, UNKNOWN),
    ],
)
def test_a_closed_storage_account_passes(changed: dict[str, object]) -> None:
    assert messages(STORAGE_CLOSED, resource(STORAGE_ACCOUNT, {**CLOSED, **changed})) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"allowBlobPublicAccess": True},
            "blobs may be made public (allowBlobPublicAccess is True). "
            "Set its allowBlobPublicAccess to False.",
        ),
        (
            {"allowBlobPublicAccess": None},
            "blobs may be made public (allowBlobPublicAccess is not set). "
            "Set its allowBlobPublicAccess to False.",
        ),
        (
            {"enableHttpsTrafficOnly": False},
            "packages may be read and written without TLS (enableHttpsTrafficOnly is False). "
            "Set its enableHttpsTrafficOnly to True.",
        ),
        (
            {"minimumTlsVersion": "TLS1_0"},
            "TLS older than 1.2 is spoken (minimumTlsVersion is TLS1_0). "
            "Set its minimumTlsVersion to TLS1_2.",
        ),
    ],
)
def test_an_open_storage_account_is_refused(changed: dict[str, object], message: str) -> None:
    assert messages(STORAGE_CLOSED, resource(STORAGE_ACCOUNT, {**CLOSED, **changed})) == [message]


@pytest.mark.parametrize("access", ["None", None, UNKNOWN])
def test_a_closed_container_passes(access: object) -> None:
    assert messages(STORAGE_CLOSED, resource(BLOB_CONTAINER, {"publicAccess": access})) == []


def test_a_public_container_is_refused() -> None:
    assert messages(STORAGE_CLOSED, resource(BLOB_CONTAINER, {"publicAccess": "Blob"})) == [
        "anyone may read it (publicAccess is 'Blob'). Set its publicAccess to None."
    ]
