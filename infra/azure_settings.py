"""The settings that the azure-native provider reads, too: which cloud this is, and who signs in."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from infra.configuration import SettingsError

# key: the variable that stands in for it, what it is, and its value where neither is set
SETTINGS: Final[Mapping[str, tuple[str, str, str]]] = {
    "metadataHost": (
        "ARM_METADATA_HOSTNAME",
        "Host and port that serve /metadata/endpoints: which cloud this is",
        "management.azure.com",
    ),
    "tenantId": ("ARM_TENANT_ID", "The directory that signs in: a UUID", ""),
    "subscriptionId": ("ARM_SUBSCRIPTION_ID", "The subscription that pays: a UUID", ""),
    "clientId": ("ARM_CLIENT_ID", "The application that signs in: a UUID", ""),
    "clientSecret": ("ARM_CLIENT_SECRET", "The application's secret, encrypted", ""),
    "disableInstanceDiscovery": (
        "ARM_DISABLE_INSTANCE_DISCOVERY",
        "Do not ask Microsoft's own host about the authority that signs in: for private clouds",
        "false",
    ),
}
_SECRET: Final = "azure-native:clientSecret"  # noqa: S105 - the name of one
KEYS: Final = tuple(f"azure-native:{key}" for key in SETTINGS)
EXCHANGE_AUDIENCE: Final = "api://AzureADTokenExchange"
"""Whom a federated token is for, unless ARM_OIDC_AUDIENCE says otherwise."""
UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True)
class Federation:
    """Where the token of another issuer comes from that signs in, in a client secret's place (OpenID Connect,
    workload identity federation). It is of a run and not of a stack: variables of the environment alone, by
    the names that the azure-native provider reads.

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


def read(config: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> AzureSettings:
    """The settings, checked.

    Raises:
        SettingsError: with every problem found.
    """
    problems: list[str] = []
    azure = gather(config, environ, problems)
    if problems:
        raise SettingsError(problems)
    return azure


def gather(
    config: Mapping[str, str],
    environ: Mapping[str, str],
    problems: list[str],
    secret_keys: Collection[str] | None = None,
) -> AzureSettings:
    """The settings; what is wrong with them goes to `problems`.

    Args:
        secret_keys: the keys whose values are encrypted in the stack's file; None: nobody knows.
    """
    if config.get(_SECRET) and secret_keys is not None and _SECRET not in secret_keys:
        problems.append(
            f"{_SECRET} stands in plain in the stack's file: whoever could read that knows it. Have it made "
            f"anew, then `pulumi config set --secret {_SECRET}`"
        )
    found = {
        key: config.get(f"azure-native:{key}") or environ.get(variable) or default
        for key, (variable, _, default) in SETTINGS.items()
    }
    federation = None if found["clientSecret"] else _federation(environ, problems)
    for key, (variable, _, _) in SETTINGS.items():
        if not found[key] and not (key == "clientSecret" and _is_federated(environ)):
            secret = " --secret" if key == "clientSecret" else ""
            command = f"pulumi config set{secret} azure-native:{key}"
            without = "; ARM_USE_OIDC=true signs in without a secret" if key == "clientSecret" else ""
            problems.append(
                f"azure-native:{key} is not set: `{command}`, or the variable {variable}{without}"
            )
    for key in ("tenantId", "subscriptionId"):
        if found[key] and not re.fullmatch(UUID, found[key]):
            problems.append(
                f"azure-native:{key} is '{found[key]}': it is a UUID, as `az account show` prints it"
            )
    return AzureSettings(
        metadata_host=found["metadataHost"],
        tenant_id=found["tenantId"],
        subscription_id=found["subscriptionId"],
        client_id=found["clientId"],
        client_secret=found["clientSecret"],
        disable_instance_discovery=found["disableInstanceDiscovery"].lower() == "true",
        federation=federation,
    )


def _is_federated(environ: Mapping[str, str]) -> bool:
    return environ.get("ARM_USE_OIDC") == "true"


def _federation(environ: Mapping[str, str], problems: list[str]) -> Federation | None:
    if not _is_federated(environ):
        return None
    found = Federation(
        token=environ.get("ARM_OIDC_TOKEN", ""),
        token_file=environ.get("ARM_OIDC_TOKEN_FILE_PATH", ""),
        request_url=environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""),
        request_token=environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""),
        audience=environ.get("ARM_OIDC_AUDIENCE") or EXCHANGE_AUDIENCE,
    )
    if not (found.token or found.token_file or (found.request_url and found.request_token)):
        problems.append(
            "ARM_USE_OIDC is true, and there is no token to sign in with: a job of GitHub Actions needs "
            "`permissions: id-token: write`; elsewhere set ARM_OIDC_TOKEN_FILE_PATH or ARM_OIDC_TOKEN"
        )
    return found
