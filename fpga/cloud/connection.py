"""The settings that connect a stack to a localcloud: made from its status, in this one place."""

from __future__ import annotations

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


class NeverStarted(LookupError):
    """The refusal to connect a stack to a localcloud that has never started."""


def settings(status: Status) -> dict[str, str]:
    """The settings of a stack on this localcloud, by their keys with namespace; all but the client's secret.

    Raises:
        NeverStarted: nothing is known of it yet.
    """
    https, dns = status.https, status.dns
    tenant, subscription, client = status.tenant, status.subscription, status.client_id
    if https is None or dns is None or tenant is None or subscription is None or client is None:
        raise NeverStarted("this localcloud has never started: it has no address and no directory")
    return {
        METADATA_HOST: https.removeprefix("https://"),
        f"{NAMESPACE}disableInstanceDiscovery": "true",
        TENANT_ID: tenant,
        SUBSCRIPTION_ID: subscription,
        CLIENT_ID: client,
        NAME_SERVERS: dns,
    }


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
