"""A client's settings of Azure, read in one way: `azure-native:KEY` of a stack's file, else a variable.

Source: https://www.pulumi.com/registry/packages/azure-native/installation-configuration/
Standard library only: the plugin and the language host start with each run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NAMESPACE: Final = "azure-native:"
VARIABLES: Final[Mapping[str, str]] = {
    "clientId": "ARM_CLIENT_ID",
    "clientSecret": "ARM_CLIENT_SECRET",
    "disableInstanceDiscovery": "ARM_DISABLE_INSTANCE_DISCOVERY",
    "environment": "ARM_ENVIRONMENT",
    "location": "ARM_LOCATION",
    "metadataHost": "ARM_METADATA_HOSTNAME",
    "oidcAudience": "ARM_OIDC_AUDIENCE",
    "oidcRequestToken": "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "oidcRequestUrl": "ACTIONS_ID_TOKEN_REQUEST_URL",
    "oidcToken": "ARM_OIDC_TOKEN",
    "oidcTokenFilePath": "ARM_OIDC_TOKEN_FILE_PATH",
    "subscriptionId": "ARM_SUBSCRIPTION_ID",
    "tenantId": "ARM_TENANT_ID",
    "useOidc": "ARM_USE_OIDC",
}
# Azure's own clouds: the hosts of their Resource Managers, which serve /metadata/endpoints
ENVIRONMENTS: Final[Mapping[str, str]] = {
    "public": "management.azure.com",
    "usgovernment": "management.usgovcloudapi.net",
    "china": "management.chinacloudapi.cn",
}
EXCHANGE_AUDIENCE: Final = "api://AzureADTokenExchange"
"""Whom a federated token is for, where no other audience is set."""
_SWITCHES: Final = {"true": True, "1": True, "false": False, "0": False, "": False}
_HOST: Final = re.compile(r"(?:https://)?([^\s/?#@]+)/?", re.IGNORECASE)


@dataclass(frozen=True)
class Federation:
    """Where the token of another issuer comes from that signs in, in a client secret's place (OpenID Connect,
    workload identity federation), by the settings that the azure-native provider reads.

    Attributes:
        token: the token itself (ARM_OIDC_TOKEN); else `token_file`, which holds it, else it is asked for at
            `request_url` with `request_token`, as a job of GitHub Actions may.
        audience: whom the token that is asked for is for.
    """

    token: str = field(repr=False)
    token_file: str
    request_url: str
    request_token: str = field(repr=False)
    audience: str


@dataclass(frozen=True)
class AzureSettings:
    """The cloud and who signs in to it: the settings that the azure-native provider reads, too.

    Attributes:
        metadata_host: host and port that serve `/metadata/endpoints`.
        client_secret: empty where `federation` signs in.
        disable_instance_discovery: do not ask Microsoft's own host about the sign-in authority.
        federation: who signs in without a secret; None: the secret does, which goes first.
    """

    metadata_host: str
    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str = field(repr=False)
    disable_instance_discovery: bool
    federation: Federation | None = None


class SettingError(ValueError):
    """A setting's value cannot be used; the text is a sentence that names it, or its variable."""


def of_stack(config: Mapping[str, str]) -> dict[str, str]:
    """The settings of Azure among a stack's, by their keys without namespace."""
    return {key.removeprefix(NAMESPACE): value for key, value in config.items() if key.startswith(NAMESPACE)}


def text(key: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """A setting without the white space around it; empty: it is not set.

    Args:
        key: of `VARIABLES`.
        settings: the stack's, by keys without namespace. An empty one counts as not set.
        environ: the variables.
    """
    return settings.get(key, "").strip() or environ.get(VARIABLES[key], "").strip()


def switch(key: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """A setting that is on (`true`, `1`) or off (`false`, `0`, not set), in any case of letters.

    Raises:
        SettingError: it is neither.
    """
    value = text(key, settings, environ)
    try:
        return _SWITCHES[value.lower()]
    except KeyError:
        raise SettingError(f"{_origin(key, settings)} is '{value}': it takes true or false") from None


def environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Which of Azure's own clouds this is: a key of `ENVIRONMENTS`, in lower case.

    Raises:
        SettingError: there is no such cloud.
    """
    name = text("environment", settings, environ).lower() or "public"
    if name not in ENVIRONMENTS:
        raise SettingError(
            f"{_origin('environment', settings)} is '{name}': it must be one of {', '.join(ENVIRONMENTS)}, "
            f"or {NAMESPACE}metadataHost must be set"
        )
    return name


def metadata_host(settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Host and port of a cloud's discovery document; empty: it is not set. A scheme is left out.

    Raises:
        SettingError: it is not a host.
    """
    value = text("metadataHost", settings, environ)
    if not value:
        return ""
    found = _HOST.fullmatch(value)
    if found is None:
        raise SettingError(
            f"{_origin('metadataHost', settings)} is '{value}': it takes host or host:port of what serves "
            "/metadata/endpoints by HTTPS"
        )
    return found.group(1)


def _origin(key: str, settings: Mapping[str, str]) -> str:
    """Where a value that is set comes from."""
    return f"{NAMESPACE}{key}" if settings.get(key, "").strip() else VARIABLES[key]
