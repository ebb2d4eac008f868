"""The Azure resources that a stack's settings declare: what each is to the engine, and which ID it has.

What the program declares in `infra.program` and its components, told without running it: for `pulumi import`,
which takes over what exists by an ID. An end-to-end test compares it with a deployed stack's state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from infra.settings import Settings, naming

ACCOUNT_PROVIDER: Final = "Microsoft.MachineLearningModelManagement"
CONTAINER: Final = "models"

GROUP_API_VERSION: Final = "2021-04-01"
ACCOUNT_API_VERSION: Final = "2017-09-01-preview"
STORAGE_API_VERSION: Final = "2024-01-01"
DNS_API_VERSION: Final = "2018-05-01"


@dataclass(frozen=True)
class Component:
    """A component resource: its logical name and its type token."""

    name: str
    token: str


@dataclass(frozen=True)
class Declared:
    """An Azure resource that the program declares.

    Attributes:
        name: logical name.
        token: type token of the azure-native provider.
        component: what it is in.
        id: resource ID.
        api_version: one in which Resource Manager tells it.
        location: the region that the program declares; another one would have the engine replace it.
    """

    name: str
    token: str
    component: Component
    id: str
    api_version: str
    location: str | None = None


MODEL_MANAGEMENT: Final = Component("model-management", "fpga:index:ModelManagement")
REGISTERED_MODEL: Final = Component("registered-model", "fpga:index:RegisteredModel")
SCORING_ENDPOINT: Final = Component("scoring-endpoint", "fpga:index:ScoringEndpoint")


def declared(stack: Settings) -> list[Declared]:
    """The Azure resources of a stack, what holds others first."""
    account = stack.account
    group_id = f"/subscriptions/{stack.azure.subscription_id}/resourceGroups/{account.resource_group}"
    storage_id = f"{group_id}/providers/Microsoft.Storage/storageAccounts/{storage_account(stack)}"
    return [
        Declared(
            "resource-group",
            "azure-native:resources:ResourceGroup",
            MODEL_MANAGEMENT,
            group_id,
            GROUP_API_VERSION,
            account.group_location,
        ),
        Declared(
            "account",
            "azure-native:resources:Resource",
            MODEL_MANAGEMENT,
            account_id(stack),
            ACCOUNT_API_VERSION,
            account.location,
        ),
        Declared(
            "storage",
            "azure-native:storage:StorageAccount",
            REGISTERED_MODEL,
            storage_id,
            STORAGE_API_VERSION,
            account.location,
        ),
        Declared(
            "packages",
            "azure-native:storage:BlobContainer",
            REGISTERED_MODEL,
            f"{storage_id}/blobServices/default/containers/{CONTAINER}",
            STORAGE_API_VERSION,
        ),
        *_domain(stack, group_id),
    ]


def account_id(stack: Settings) -> str:
    """Resource ID of the Model Management account."""
    group = f"/subscriptions/{stack.azure.subscription_id}/resourceGroups/{stack.account.resource_group}"
    return f"{group}/providers/{ACCOUNT_PROVIDER}/accounts/{stack.account.name}"


def storage_account(stack: Settings) -> str:
    """Name of the storage account: the one that is set, else one that only this account gives."""
    account = stack.account
    return account.storage_account or naming.derived_storage_account(
        stack.azure.subscription_id, account.resource_group, account.name
    )


def service_name(stack: Settings, project: str, stack_name: str) -> str:
    """Name of the service: the one that is set, else one that only this stack gives."""
    return stack.service.name or naming.suffixed("service", project, stack_name, "service")


def _domain(stack: Settings, group_id: str) -> Iterator[Declared]:
    domain = stack.domain
    zone_id = f"{group_id}/providers/Microsoft.Network/dnsZones/{domain.zone}"
    yield Declared(
        "zone",
        "azure-native:dns:Zone",
        SCORING_ENDPOINT,
        zone_id,
        DNS_API_VERSION,
    )

    def record_set(name: str, kind: str, fqdn: str) -> Declared:
        relative = naming.relative_record_name(fqdn, domain.zone)
        token = "azure-native:dns:RecordSet"  # noqa: S105 - a type's, not a secret
        return Declared(name, token, SCORING_ENDPOINT, f"{zone_id}/{kind}/{relative}", DNS_API_VERSION)

    if domain.caa_issuers:
        yield record_set("caa-record", "CAA", domain.zone)
    if domain.canonical_name:
        yield record_set("canonical-record", "A", domain.canonical_name)
        yield record_set("record", "CNAME", domain.fqdn)
    else:
        yield record_set("record", "A", domain.fqdn)
