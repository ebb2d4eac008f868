"""The settings that the azure-native provider reads, too: which cloud this is, and who signs in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
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
KEYS: Final = tuple(f"azure-native:{key}" for key in SETTINGS)
UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True)
class AzureSettings:
    """The cloud and who signs in to it: the settings that the azure-native provider reads, too.

    Attributes:
        metadata_host: host and port that serve `/metadata/endpoints`.
        disable_instance_discovery: do not ask Microsoft's own host about the sign-in authority.
    """

    metadata_host: str
    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str = field(repr=False)
    disable_instance_discovery: bool


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


def gather(config: Mapping[str, str], environ: Mapping[str, str], problems: list[str]) -> AzureSettings:
    """The settings; what is wrong with them goes to `problems`."""
    found: dict[str, str] = {}
    for key, (variable, _, default) in SETTINGS.items():
        found[key] = config.get(f"azure-native:{key}") or environ.get(variable) or default
        if not found[key]:
            secret = " --secret" if key == "clientSecret" else ""
            command = f"pulumi config set{secret} azure-native:{key}"
            problems.append(f"azure-native:{key} is not set: `{command}`, or the variable {variable}")
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
    )
