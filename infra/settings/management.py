"""The settings of the management server: where the account and the services are, apart from all else.

Azure's own Model Management ended in January 2019. A team's localcloud stands in its place, while groups,
storage and DNS zones stay in Azure, or in whichever cloud `azure-native:*` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final

from clients.azure.settings import (
    AZURE_OF_TWO,
    MANAGEMENT,
    TAKES_HOST,
    AzureSettings,
    host_in,
    is_azures_own,
)
from clients.azure.settings import VARIABLES as AZURE_VARIABLES
from infra.settings.azure import ID
from infra.settings.kinds import path, secret, switch, text
from infra.settings.reader import NAMESPACE
from infra.settings.table import Kind, Setting, Unfit, When

HOST: Final = "managementHost"
_WITH_HOST: Final = When(HOST)
VARIABLES: Final[Mapping[str, str]] = {
    "managementTenantId": "FPGA_MANAGEMENT_TENANT_ID",
    "managementSubscriptionId": "FPGA_MANAGEMENT_SUBSCRIPTION_ID",
    "managementClientId": "FPGA_MANAGEMENT_CLIENT_ID",
    "managementClientSecret": "FPGA_MANAGEMENT_CLIENT_SECRET",
}
"""The variable of each setting that one may give instead."""
SECRET_INPUTS: Final = frozenset({"clientId", "clientSecret", "oidcToken", "oidcRequestToken"})
"""Of the provider: what it, or its SDK, takes for a secret."""
_IDS: Final = ("managementTenantId", "managementSubscriptionId")
ENDED: Final = (
    "is not set, and Azure itself has had no Model Management since January 2019: set it to the host:port of "
    "your team's localcloud, where the account and the service are to be (docs/two-clouds.md)"
)


def _told(about: str, key: str) -> str:
    return f"{about}. Not set: the variable {VARIABLES[key]}"


def _host(written: str) -> str:
    host = host_in(written)
    if host is None:
        raise Unfit(f"is '{written}': {TAKES_HOST}")
    if is_azures_own(host):
        raise Unfit(
            f"is '{written}', which is Azure itself: its Model Management ended in January 2019. Name the "
            "host:port of your team's localcloud"
        )
    return host


@dataclass(frozen=True, kw_only=True)
class ManagementSettings:
    """The management server, and who signs in to it.

    Attributes:
        roots: PEM file of the roots to trust it by; None: those that all else is trusted by.
        holds_packages: the storage account of the model packages is on it, too.
    """

    host: Annotated[
        str,
        Setting(
            HOST,
            Kind(_host, {"type": "string"}),
            "Host and port of the localcloud that has account and service (FPGA_MANAGEMENT_* say who signs "
            "in); not set: the cloud of azure-native:* has them, too",
        ),
    ] = ""
    tenant_id: Annotated[
        str,
        Setting(
            "managementTenantId",
            ID,
            _told("The directory that signs in there: a UUID", "managementTenantId"),
            when=_WITH_HOST,
        ),
    ] = ""
    subscription_id: Annotated[
        str,
        Setting(
            "managementSubscriptionId",
            ID,
            _told("The subscription there: a UUID", "managementSubscriptionId"),
            when=_WITH_HOST,
        ),
    ] = ""
    client_id: Annotated[
        str,
        Setting(
            "managementClientId",
            text(),
            _told("The application that signs in there: a UUID", "managementClientId"),
            when=_WITH_HOST,
        ),
    ] = ""
    client_secret: Annotated[
        str,
        Setting(
            "managementClientSecret",
            secret(),
            _told("The application's secret, encrypted", "managementClientSecret"),
            when=_WITH_HOST,
        ),
    ] = field(default="", repr=False)
    roots: Annotated[
        Path | None,
        Setting(
            "managementRoots", path(), "PEM file of the roots that its certificate ends in", when=_WITH_HOST
        ),
    ] = None
    holds_packages: Annotated[
        bool,
        Setting(
            "managementStorage",
            switch(),
            "Keep the model packages there, too: then it need not reach the other cloud's storage",
            when=_WITH_HOST,
        ),
    ] = False

    @property
    def is_apart(self) -> bool:
        """Whether there is such a server: without one, one cloud has all."""
        return bool(self.host)


def clouds(
    settings: ManagementSettings, azure: AzureSettings, environ: Mapping[str, str], problems: list[str]
) -> tuple[AzureSettings, AzureSettings]:
    """The cloud of all else, and the management server as a cloud; what is missing goes to `problems`.

    Without a secret of its own, the token that signs in to the other cloud (OpenID Connect) does so there.

    Args:
        azure: the cloud of all else, which is the management server, too, where none is set.
    """
    if not settings.is_apart:
        return azure, azure
    given = {
        "managementTenantId": settings.tenant_id,
        "managementSubscriptionId": settings.subscription_id,
        "managementClientId": settings.client_id,
        "managementClientSecret": settings.client_secret,
    }
    found = {key: value or environ.get(VARIABLES[key], "").strip() for key, value in given.items()}
    by_token = not found["managementClientSecret"] and azure.federation is not None
    for key, value in found.items():
        if not value and not (by_token and key == "managementClientSecret"):
            problems.append(_not_set(key))
        elif key in _IDS and not given[key]:
            problems += _unfit(key, value)
    return replace(azure, names=AZURE_OF_TWO), AzureSettings(
        metadata_host=settings.host,
        tenant_id=found["managementTenantId"],
        subscription_id=found["managementSubscriptionId"],
        client_id=found["managementClientId"],
        client_secret=found["managementClientSecret"],
        disable_instance_discovery=True,
        federation=azure.federation if by_token else None,
        names=MANAGEMENT,
    )


def provider_inputs(server: AzureSettings, environ: Mapping[str, str]) -> dict[str, str | bool]:
    """The inputs of the azure-native provider that signs in to the server, some of them `SECRET_INPUTS`.

    What it is given goes before the variables of the other cloud (ARM_CLIENT_ID and its like). What a job has
    in its variables to sign in by a token differs from run to run, and the plugin finds it there, too.

    Source: https://www.pulumi.com/registry/packages/azure-native/api-docs/provider/
    """
    inputs: dict[str, str | bool] = {
        "metadataHost": server.metadata_host,
        "tenantId": server.tenant_id,
        "subscriptionId": server.subscription_id,
        "clientId": server.client_id,
        "disableInstanceDiscovery": True,
        "environment": "public",  # the SDK's own default
    }
    federation = server.federation
    if federation is None:
        return {**inputs, "clientSecret": server.client_secret, "useOidc": False}
    given = {
        "oidcToken": federation.token,
        "oidcTokenFilePath": federation.token_file,
        "oidcRequestUrl": federation.request_url,
        "oidcRequestToken": federation.request_token,
    }
    told = {
        key: value
        for key, value in given.items()
        if value and value != environ.get(AZURE_VARIABLES[key], "").strip()
    }
    return {**inputs, **told, "useOidc": True}


def _unfit(key: str, value: str) -> Iterator[str]:
    """The problem of a variable's value, if it has one."""
    try:
        ID.read(value)
    except Unfit as error:
        yield f"{VARIABLES[key]} {error}"


def _not_set(key: str) -> str:
    flag = "--secret " if key == "managementClientSecret" else ""
    name = f"{NAMESPACE}:{key}"
    told = "; ARM_USE_OIDC=true signs in without a secret" if flag else ""
    return (
        f"{name} is not set: `pulumi config set {flag}{name}`, or the variable {VARIABLES[key]}{told}. "
        "`fpga cloud status` on the server tells it"
    )
