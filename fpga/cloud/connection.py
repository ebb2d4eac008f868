"""The settings that connect a stack to a localcloud: made from its status, in this one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clients.azure.settings import NAMESPACE

if TYPE_CHECKING:
    from clients.azure.settings import AzureSettings
    from localcloud.status import Status

METADATA_HOST: Final = f"{NAMESPACE}metadataHost"
TENANT_ID: Final = f"{NAMESPACE}tenantId"
SUBSCRIPTION_ID: Final = f"{NAMESPACE}subscriptionId"
CLIENT_ID: Final = f"{NAMESPACE}clientId"
CLIENT_SECRET: Final = f"{NAMESPACE}clientSecret"
NAME_SERVERS: Final = "fpga-web-service:nameServers"

_MANAGEMENT: Final = "fpga-web-service:management"
MANAGEMENT_HOST: Final = f"{_MANAGEMENT}Host"
MANAGEMENT_CLIENT_SECRET: Final = f"{_MANAGEMENT}ClientSecret"
MANAGEMENT_ROOTS: Final = f"{_MANAGEMENT}Roots"


class NeverStarted(LookupError):
    """The refusal to connect a stack to a localcloud that has never started."""


@dataclass(frozen=True)
class _Known:
    """What a localcloud that has started tells of itself."""

    host: str
    name_server: str
    tenant: str
    subscription: str
    client: str


def settings(status: Status) -> dict[str, str]:
    """The settings of a stack on this localcloud, by their keys with namespace; all but the client's secret.

    Raises:
        NeverStarted: nothing is known of it yet.
    """
    known = _known(status)
    return {
        METADATA_HOST: known.host,
        f"{NAMESPACE}disableInstanceDiscovery": "true",
        TENANT_ID: known.tenant,
        SUBSCRIPTION_ID: known.subscription,
        CLIENT_ID: known.client,
        NAME_SERVERS: known.name_server,
    }


def management_settings(status: Status) -> dict[str, str]:
    """The settings of a stack whose account and service alone are on this localcloud, as above; all but the
    roots that it is trusted by.

    Raises:
        NeverStarted: nothing is known of it yet.
    """
    known = _known(status)
    return {
        MANAGEMENT_HOST: known.host,
        f"{_MANAGEMENT}TenantId": known.tenant,
        f"{_MANAGEMENT}SubscriptionId": known.subscription,
        f"{_MANAGEMENT}ClientId": known.client,
    }


def _known(status: Status) -> _Known:
    https, dns = status.https, status.dns
    tenant, subscription, client = status.tenant, status.subscription, status.client_id
    if https is None or dns is None or tenant is None or subscription is None or client is None:
        raise NeverStarted("this localcloud has never started: it has no address and no directory")
    return _Known(https.removeprefix("https://"), dns, tenant, subscription, client)


def client_secret(status: Status) -> str:
    """The client's secret, read from the file that the status names.

    Raises:
        OSError: the file cannot be read.
    """
    return status.client_secret_file.read_text().strip()


def azure_settings(status: Status) -> AzureSettings:
    """The settings of a client that signs in to this localcloud as its stacks do.

    Raises:
        NeverStarted: nothing is known of it yet.
        OSError: the file of the secret cannot be read.
    """
    from infra.settings import azure

    return azure.read(settings(status) | {CLIENT_SECRET: client_secret(status)}, {})
