"""The settings of Azure: the program and the azure-native plugin read each value alike."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from clients.azure.settings import VARIABLES, AzureSettings, SettingError
from engine.azure_native.config import Configuration
from infra.settings import azure as azure_settings
from infra.settings.reader import SettingsError

UUID = "11111111-2222-3333-4444-555555555555"
STACK = {f"azure-native:{key}": UUID for key in ("tenantId", "subscriptionId", "clientId")}
TOKEN = {"ARM_OIDC_TOKEN": "t0ken"}
SECRET = {"ARM_CLIENT_SECRET": "s3cret"}


def program(config: Mapping[str, str], environ: Mapping[str, str]) -> AzureSettings:
    return azure_settings.read({**STACK, **config}, environ)


def plugin(config: Mapping[str, str], environ: Mapping[str, str]) -> AzureSettings:
    settings = {key.partition(":")[2]: value for key, value in {**STACK, **config}.items()}
    return Configuration.read(settings, environ).azure


SIGN_INS: dict[str, Mapping[str, str]] = {
    "a secret": SECRET,
    "a secret, which goes before a token": SECRET | TOKEN | {"ARM_USE_OIDC": "1"},
    "a token": TOKEN | {"ARM_USE_OIDC": "1"},
    "a token in a file": {"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": "/run/token"},
    "a token that is asked for": {
        "ARM_USE_OIDC": "True",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.test/",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "r3quest",
        "ARM_OIDC_AUDIENCE": "api://Other",
    },
}


@pytest.mark.parametrize("environ", SIGN_INS.values(), ids=SIGN_INS)
@pytest.mark.parametrize("where", ["the environment", "the stack"])
def test_both_sign_in_alike_with(environ: Mapping[str, str], where: str) -> None:
    config = {}
    if where == "the stack":
        keys = {variable: key for key, variable in VARIABLES.items()}
        config, environ = {f"azure-native:{keys[name]}": value for name, value in environ.items()}, {}

    seen = program(config, environ)

    assert seen == plugin(config, environ)
    assert seen.client_secret or (seen.federation is not None and seen.federation.is_told)


MISSING: dict[str, tuple[Mapping[str, str], str]] = {
    "nothing that signs in": ({}, "azure-native:clientSecret is not set: `pulumi config set --secret"),
    "no token": ({"ARM_USE_OIDC": "1"}, "needs `permissions: id-token: write`"),
    "half of a request": (
        {"ARM_USE_OIDC": "1", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.test/"},
        "needs `permissions: id-token: write`",
    ),
    "no tenant": (SECRET | {"without": "tenantId"}, "azure-native:tenantId is not set: `pulumi config set"),
}


@pytest.mark.parametrize(("environ", "words"), MISSING.values(), ids=MISSING)
def test_both_refuse_alike(environ: Mapping[str, str], words: str) -> None:
    config = {f"azure-native:{environ['without']}": " "} if "without" in environ else {}
    with pytest.raises(SettingsError) as told:
        program(config, environ)
    with pytest.raises(SettingError) as refused:
        plugin(config, environ)
    assert words in str(refused.value)
    assert told.value.problems == (str(refused.value),)


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1", " true ", "true\n"])
@pytest.mark.parametrize("where", ["azure-native:useOidc", "ARM_USE_OIDC"])
def test_a_token_signs_in_however_that_is_switched_on(value: str, where: str) -> None:
    config = {where: value} if ":" in where else {}
    environ = TOKEN if config else TOKEN | {where: value}

    federation = program(config, environ).federation

    assert federation is not None
    assert federation.token == "t0ken"
    assert plugin(config, environ).federation == federation


@pytest.mark.parametrize("value", ["false", "False", "0", "", " "])
def test_and_does_not_where_it_is_switched_off(value: str) -> None:
    environ = TOKEN | {"ARM_USE_OIDC": value}

    with pytest.raises(SettingsError, match="azure-native:clientSecret is not set"):
        program({}, environ)
    with pytest.raises(SettingError, match="azure-native:clientSecret is not set"):
        plugin({}, environ)


@pytest.mark.parametrize("key", ["useOidc", "disableInstanceDiscovery"])
def test_what_is_neither_on_nor_off_is_refused_by_both(key: str) -> None:
    config = {f"azure-native:{key}": "yes"}
    words = f"azure-native:{key} is 'yes': it takes true or false"

    with pytest.raises(SettingsError, match=words):
        program(config, SECRET)
    with pytest.raises(SettingError, match=words):
        plugin(config, SECRET)
    variable = {"useOidc": "ARM_USE_OIDC", "disableInstanceDiscovery": "ARM_DISABLE_INSTANCE_DISCOVERY"}[key]
    with pytest.raises(SettingsError, match=f"{variable} is 'on': it takes true or false"):
        program({}, SECRET | {variable: "on"})
    with pytest.raises(SettingError, match=f"{variable} is 'on': it takes true or false"):
        plugin({}, SECRET | {variable: "on"})


@pytest.mark.parametrize("value", ["1", "True", "true"])
def test_a_switch_of_the_environment_counts_for_both(value: str) -> None:
    environ = SECRET | {"ARM_DISABLE_INSTANCE_DISCOVERY": value}
    assert program({}, environ).disable_instance_discovery is True
    assert plugin({}, environ).disable_instance_discovery is True


def test_all_that_federation_needs_may_stand_in_the_stack() -> None:
    config = {
        "azure-native:useOidc": "true",
        "azure-native:oidcTokenFilePath": "/run/token",
        "azure-native:oidcAudience": "api://Other",
    }
    federation = program(config, {}).federation
    assert federation is not None
    assert plugin(config, {}).federation == federation
    assert (federation.token_file, federation.audience) == ("/run/token", "api://Other")


@pytest.mark.parametrize(
    "written",
    ["cloud.test:8443", "https://cloud.test:8443", "HTTPS://cloud.test:8443/", " cloud.test:8443\n"],
)
def test_a_host_is_one_with_or_without_its_scheme(written: str) -> None:
    config = {"azure-native:metadataHost": written}
    assert program(config, SECRET).metadata_host == "cloud.test:8443"
    assert plugin(config, SECRET).metadata_host == "cloud.test:8443"


@pytest.mark.parametrize("written", ["http://cloud.test", "cloud.test/arm", "cloud test", "https://"])
def test_what_is_no_host_is_refused_by_both(written: str) -> None:
    config = {"azure-native:metadataHost": written}
    words = f"azure-native:metadataHost is '{written}': it takes host or host:port"
    with pytest.raises(SettingsError, match=words):
        program(config, SECRET)
    with pytest.raises(SettingError, match=words):
        plugin(config, SECRET)


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({}, "management.azure.com"),
        ({"ARM_ENVIRONMENT": "public"}, "management.azure.com"),
        ({"ARM_ENVIRONMENT": "USGovernment"}, "management.usgovcloudapi.net"),
        ({"ARM_ENVIRONMENT": "china"}, "management.chinacloudapi.cn"),
    ],
)
def test_a_cloud_of_azure_is_the_same_for_both(environ: dict[str, str], host: str) -> None:
    assert program({}, SECRET | environ).metadata_host == host
    assert plugin({}, SECRET | environ).metadata_host == host


def test_a_cloud_that_is_none_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="ARM_ENVIRONMENT is 'moon': it must be one of public, usgovernment"
    ):
        program({}, SECRET | {"ARM_ENVIRONMENT": "moon"})
    with pytest.raises(
        SettingError, match="ARM_ENVIRONMENT is 'moon': it must be one of public, usgovernment"
    ):
        plugin({}, SECRET | {"ARM_ENVIRONMENT": "moon"})


def test_white_space_is_no_part_of_a_value_and_no_value() -> None:
    environ = {"ARM_CLIENT_SECRET": "s3cret\n", "ARM_TENANT_ID": UUID}
    config = {"azure-native:tenantId": " "}

    assert program(config, environ).client_secret == plugin(config, environ).client_secret == "s3cret"
    assert program(config, environ).tenant_id == plugin(config, environ).tenant_id == UUID


@pytest.mark.parametrize("key", ["oidcToken", "oidcRequestToken", "clientSecret"])
def test_no_secret_may_stand_in_plain(key: str) -> None:
    problems: list[str] = []
    azure_settings.gather(STACK | {f"azure-native:{key}": "s3cret"}, SECRET, problems, secret_keys=())
    assert problems == [
        f"azure-native:{key} stands in plain in the stack's file: whoever could read that knows it. Have it "
        f"made anew, then `pulumi config set --secret azure-native:{key}`"
    ]
