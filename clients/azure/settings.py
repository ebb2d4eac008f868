"""The settings of who calls Azure, read in one way: `azure-native:KEY` of a stack's file, else a variable.

Source: https://www.pulumi.com/registry/packages/azure-native/installation-configuration/
Standard library only: the plugin and the language host start with each run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

T = TypeVar("T")

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
_REQUIRED: Final = ("tenantId", "subscriptionId", "clientId")
_UNTOLD: Final = (
    "ARM_USE_OIDC is true, and there is no token to sign in with: a job of GitHub Actions needs "
    "`permissions: id-token: write`; elsewhere set ARM_OIDC_TOKEN_FILE_PATH or ARM_OIDC_TOKEN"
)
_SWITCHES: Final = {"true": True, "1": True, "false": False, "0": False, "": False}
TAKES_HOST: Final = "it takes host or host:port of what serves /metadata/endpoints by HTTPS"
_HOST: Final = re.compile(r"(?:https://)?([^\s/?#@]+)/?", re.IGNORECASE)


@dataclass(frozen=True)
class Federation:
    """The source of another issuer's token, which signs in where there is no client secret (OpenID Connect,
    workload identity federation).

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

    @property
    def is_told(self) -> bool:
        """Whether there is a token, or a place to have one from."""
        return bool(self.token or self.token_file or (self.request_url and self.request_token))


@dataclass(frozen=True)
class SettingNames:
    """The names of one cloud and of its settings, for messages.

    Attributes:
        roots: of what names the roots to trust it by.
        cloud: how it is called beside another one; empty: there is no other one.
        roles: how a principal gets a role there; empty: as anywhere in Azure.
    """

    metadata_host: str
    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str
    roots: str = "SSL_CERT_FILE"
    cloud: str = ""
    roles: str = ""


AZURE_NATIVE: Final = SettingNames(
    *(
        f"{NAMESPACE}{key}"
        for key in ("metadataHost", "tenantId", "subscriptionId", "clientId", "clientSecret")
    )
)
AZURE_OF_TWO: Final = replace(AZURE_NATIVE, cloud="the cloud of azure-native:*")
"""Those of the cloud of groups, storage and zones, where the management server is apart."""
_MANAGEMENT: Final = "fpga-web-service:management"
MANAGEMENT: Final = SettingNames(
    metadata_host=f"{_MANAGEMENT}Host",
    tenant_id=f"{_MANAGEMENT}TenantId",
    subscription_id=f"{_MANAGEMENT}SubscriptionId",
    client_id=f"{_MANAGEMENT}ClientId",
    client_secret=f"{_MANAGEMENT}ClientSecret",
    roots=f"{_MANAGEMENT}Roots",
    cloud="the management server",
    roles="Whoever runs that server gives roles: `fpga cloud principal` there.",
)
"""Those of the management server, where it is apart."""


@dataclass(frozen=True)
class AzureSettings:
    """A cloud, and who signs in to it.

    Attributes:
        metadata_host: host and port that serve `/metadata/endpoints`.
        client_secret: empty where `federation` signs in.
        disable_instance_discovery: do not ask Microsoft's own host about the sign-in authority.
        federation: who signs in without a secret; None: the secret does, which goes first.
        names: of the settings that these were read from.
    """

    metadata_host: str
    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str = field(repr=False)
    disable_instance_discovery: bool
    federation: Federation | None = None
    names: SettingNames = AZURE_NATIVE


@dataclass(frozen=True)
class Reading:
    """The settings as they are written, and what is wrong with them, in sentences that name each.

    Attributes:
        missing: what must be set before anybody can sign in.
        unfit: values that cannot be used.
    """

    settings: AzureSettings
    missing: tuple[str, ...]
    unfit: tuple[str, ...]


class SettingError(ValueError):
    """A setting is missing, or has no use; the text is a sentence that names it, or its variable."""


def read(settings: Mapping[str, str], environ: Mapping[str, str]) -> Reading:
    """Reads all of them, for whoever signs in: the program, the command, and the azure-native plugin.

    Args:
        settings: the stack's, by keys without namespace. An empty one counts as not set.
        environ: the variables.
    """
    found = {key: text(key, settings, environ) for key in VARIABLES}
    unfit: list[str] = []
    disable_instance_discovery = _noted(unfit, False, _switch, "disableInstanceDiscovery", settings, environ)
    use_oidc = _noted(unfit, False, _switch, "useOidc", settings, environ)
    federation = None
    missing = [_not_set(key) for key in _REQUIRED if not found[key]]
    if not found["clientSecret"]:
        if use_oidc:
            federation = Federation(
                token=found["oidcToken"],
                token_file=found["oidcTokenFilePath"],
                request_url=found["oidcRequestUrl"],
                request_token=found["oidcRequestToken"],
                audience=found["oidcAudience"] or EXCHANGE_AUDIENCE,
            )
            if not federation.is_told:
                missing.append(_UNTOLD)
        else:
            missing.append(
                f"{_not_set('clientSecret', '--secret ')}; ARM_USE_OIDC=true signs in without a secret"
            )
    return Reading(
        AzureSettings(
            metadata_host=_noted(unfit, "", _metadata_host, settings, environ),
            tenant_id=found["tenantId"],
            subscription_id=found["subscriptionId"],
            client_id=found["clientId"],
            client_secret=found["clientSecret"],
            disable_instance_discovery=disable_instance_discovery,
            federation=federation,
        ),
        tuple(missing),
        tuple(unfit),
    )


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


def host_in(value: str) -> str | None:
    """The `host` or `host:port` in what is written for a metadata host; None: it is not one."""
    found = _HOST.fullmatch(value)
    return found.group(1) if found else None


def is_azures_own(metadata_host: str) -> bool:
    """Whether a metadata host is that of one of Azure's own clouds."""
    return metadata_host.lower().removesuffix(":443").rstrip(".") in ENVIRONMENTS.values()


def _switch(key: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """A setting that is on (`true`, `1`) or off (`false`, `0`, not set), in any case of letters.

    Raises:
        SettingError: it is neither.
    """
    value = text(key, settings, environ)
    try:
        return _SWITCHES[value.lower()]
    except KeyError:
        raise SettingError(f"{_origin(key, settings)} is '{value}': it takes true or false") from None


def _metadata_host(settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The host and port that serve a cloud's discovery document, without a scheme; where none is set, the
    host of the one of Azure's own clouds that `environment` names.

    Raises:
        SettingError: it is not a host, or there is no such cloud.
    """
    value = text("metadataHost", settings, environ)
    if not value:
        return ENVIRONMENTS[_environment(settings, environ)]
    host = host_in(value)
    if host is None:
        raise SettingError(f"{_origin('metadataHost', settings)} is '{value}': {TAKES_HOST}")
    return host


def _environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Azure's own cloud that is named: a key of `ENVIRONMENTS`.

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


def _origin(key: str, settings: Mapping[str, str]) -> str:
    """The name under which a value is set: the stack's key, else the variable."""
    return f"{NAMESPACE}{key}" if settings.get(key, "").strip() else VARIABLES[key]


def _not_set(key: str, flag: str = "") -> str:
    name = f"{NAMESPACE}{key}"
    return f"{name} is not set: `pulumi config set {flag}{name}`, or the variable {VARIABLES[key]}"


def _noted(unfit: list[str], instead: T, reader: Callable[..., T], *arguments: object) -> T:
    """The reader's value; where it refuses, its words are noted and `instead` is the value."""
    try:
        return reader(*arguments)
    except SettingError as error:
        unfit.append(str(error))
        return instead
