"""The resource types that this plugin answers to, as data: id, API version, and where each property goes.

Names and API versions are azure-native 3.29's. A property's place is its path in ARM's JSON. Nested property
names are ARM's own already, in these types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_GROUP: Final = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"


@dataclass(frozen=True)
class ResourceType:
    """One resource type.

    Attributes:
        token: Pulumi's type token.
        path: ARM id, with a placeholder for each input that names the resource.
        api_version: ARM's api-version; a generic resource's own input takes its place.
        name: the placeholder that names the resource itself, filled from the logical name if not given.
        random_name: whether a name made from the logical name gets a random suffix, so that it is unique in
            its scope; children and zones do not.
        body: input property -> its path in the request's and answer's body.
        computed: further output property -> its path in the answer's body.
        immutable: properties besides the placeholders whose change replaces the resource.
        volatile: computed properties that each update changes.
        derived: places inside inputs that ARM fills in by itself.
    """

    token: str
    path: str
    api_version: str
    name: str
    random_name: bool
    body: Mapping[str, str]
    computed: Mapping[str, str]
    immutable: frozenset[str] = frozenset({"location"})
    volatile: frozenset[str] = frozenset({"etag"})
    derived: frozenset[str] = frozenset()

    @cached_property
    def path_parameters(self) -> tuple[str, ...]:
        """Inputs that the id is made of, in its order."""
        found = re.findall(r"\{(\w+)\}", self.path)
        return tuple(name for name in found if name != "subscriptionId")

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Inputs without which there is no request to send."""
        return tuple(name for name in self.path_parameters if name not in (self.name, "parentResourcePath"))


def _in_properties(*names: str, **renamed: str) -> dict[str, str]:
    """Places under ARM's `properties`, the given ones by another name there."""
    same = {name: f"properties.{name}" for name in names}
    return same | {name: f"properties.{there}" for name, there in renamed.items()}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


RESOURCE_GROUP: Final = ResourceType(
    token="azure-native:resources:ResourceGroup",  # noqa: S106
    path=_GROUP,
    api_version="2024-03-01",
    name="resourceGroupName",
    random_name=True,
    body=_same("location", "managedBy", "tags"),
    computed=_same("name", "properties", "type"),
)

GENERIC_RESOURCE: Final = ResourceType(
    token="azure-native:resources:Resource",  # noqa: S106
    path=_GROUP + "/providers/{resourceProviderNamespace}/{parentResourcePath}/{resourceType}/{resourceName}",
    api_version="2024-03-01",
    name="resourceName",
    random_name=True,
    body=_same(
        "extendedLocation", "identity", "kind", "location", "managedBy", "plan", "properties", "sku", "tags"
    ),
    computed=_same("name", "type"),
    # read-only in Microsoft.MachineLearningModelManagement's description (2017-09-01-preview), or ARM's own
    derived=frozenset(
        f"properties.{name}"
        for name in ("id", "createdOn", "modifiedOn", "modelManagementSwaggerLocation", "provisioningState")
    ),
)

STORAGE_ACCOUNT: Final = ResourceType(
    token="azure-native:storage:StorageAccount",  # noqa: S106
    path=_GROUP + "/providers/Microsoft.Storage/storageAccounts/{accountName}",
    api_version="2024-01-01",
    name="accountName",
    random_name=True,
    body=_same("extendedLocation", "identity", "kind", "location", "sku", "tags")
    | _in_properties(
        "accessTier",
        "allowBlobPublicAccess",
        "allowCrossTenantReplication",
        "allowSharedKeyAccess",
        "allowedCopyScope",
        "azureFilesIdentityBasedAuthentication",
        "customDomain",
        "defaultToOAuthAuthentication",
        "dnsEndpointType",
        "enableExtendedGroups",
        "encryption",
        "immutableStorageWithVersioning",
        "isHnsEnabled",
        "isLocalUserEnabled",
        "isSftpEnabled",
        "keyPolicy",
        "largeFileSharesState",
        "minimumTlsVersion",
        "publicNetworkAccess",
        "routingPreference",
        "sasPolicy",
        enableHttpsTrafficOnly="supportsHttpsTrafficOnly",
        enableNfsV3="isNfsV3Enabled",
        networkRuleSet="networkAcls",
    ),
    computed=_same("name", "type")
    | _in_properties(
        "accountMigrationInProgress",
        "blobRestoreStatus",
        "creationTime",
        "failoverInProgress",
        "geoReplicationStats",
        "isSkuConversionBlocked",
        "keyCreationTime",
        "lastGeoFailoverTime",
        "primaryEndpoints",
        "primaryLocation",
        "privateEndpointConnections",
        "provisioningState",
        "secondaryEndpoints",
        "secondaryLocation",
        "statusOfPrimary",
        "statusOfSecondary",
        "storageAccountSkuConversionStatus",
    ),
    immutable=frozenset({"location", "extendedLocation", "isHnsEnabled", "enableNfsV3"}),
    derived=frozenset({"sku.tier"}),
)

BLOB_CONTAINER: Final = ResourceType(
    token="azure-native:storage:BlobContainer",  # noqa: S106
    path=STORAGE_ACCOUNT.path + "/blobServices/default/containers/{containerName}",
    api_version="2024-01-01",
    name="containerName",
    random_name=False,
    body=_in_properties(
        "defaultEncryptionScope",
        "denyEncryptionScopeOverride",
        "enableNfsV3AllSquash",
        "enableNfsV3RootSquash",
        "immutableStorageWithVersioning",
        "metadata",
        "publicAccess",
    ),
    computed=_same("etag", "name", "type")
    | _in_properties(
        "deleted",
        "deletedTime",
        "hasImmutabilityPolicy",
        "hasLegalHold",
        "immutabilityPolicy",
        "lastModifiedTime",
        "leaseDuration",
        "leaseState",
        "leaseStatus",
        "legalHold",
        "remainingRetentionDays",
        "version",
    ),
    volatile=frozenset({"etag", "lastModifiedTime"}),
)

ZONE: Final = ResourceType(
    token="azure-native:dns:Zone",  # noqa: S106
    path=_GROUP + "/providers/Microsoft.Network/dnsZones/{zoneName}",
    api_version="2023-07-01-preview",
    name="zoneName",
    random_name=False,
    body=_same("location", "tags")
    | _in_properties("registrationVirtualNetworks", "resolutionVirtualNetworks", "zoneType"),
    computed=_same("etag", "name", "systemData", "type")
    | _in_properties(
        "maxNumberOfRecordSets",
        "maxNumberOfRecordsPerRecordSet",
        "nameServers",
        "numberOfRecordSets",
        "signingKeys",
    ),
)

RECORD_SET: Final = ResourceType(
    token="azure-native:dns:RecordSet",  # noqa: S106
    path=ZONE.path + "/{recordType}/{relativeRecordSetName}",
    api_version="2023-07-01-preview",
    name="relativeRecordSetName",
    random_name=False,
    body=_in_properties(
        "metadata",
        "caaRecords",
        "targetResource",
        "trafficManagementProfile",
        ttl="TTL",
        aRecords="ARecords",
        aaaaRecords="AAAARecords",
        cnameRecord="CNAMERecord",
        dsRecords="DSRecords",
        mxRecords="MXRecords",
        naptrRecords="NAPTRRecords",
        nsRecords="NSRecords",
        ptrRecords="PTRRecords",
        soaRecord="SOARecord",
        srvRecords="SRVRecords",
        tlsaRecords="TLSARecords",
        txtRecords="TXTRecords",
    ),
    computed=_same("etag", "name", "systemData", "type") | _in_properties("fqdn", "provisioningState"),
    immutable=frozenset(),
)

TYPES: Final[Mapping[str, ResourceType]] = {
    kind.token: kind
    for kind in (RESOURCE_GROUP, GENERIC_RESOURCE, STORAGE_ACCOUNT, BLOB_CONTAINER, ZONE, RECORD_SET)
}


def of_urn(urn: str) -> tuple[ResourceType, str]:
    """Type and logical name in a URN (`urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`).

    Raises:
        LookupError: a type that this plugin does not know.
    """
    _, _, chain, name = urn.split("::", 3)
    token = chain.rpartition("$")[2]
    if token not in TYPES:
        known = ", ".join(sorted(TYPES))
        raise LookupError(
            f"{token} is none of the types that this stand-in for azure-native knows: {known}. "
            "Install the official azure-native plugin to use it"
        )
    return TYPES[token], name
