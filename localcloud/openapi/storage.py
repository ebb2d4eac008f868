"""Storage accounts, their keys and their containers described. Pure."""

from __future__ import annotations

from typing import Any, Final

from localcloud.arm.checks import REGIONS
from localcloud.arm.paths import GROUP, SUBSCRIPTION
from localcloud.arm.storage import rules
from localcloud.arm.storage.accounts import ACCOUNT, NAMESPACE, SHOWN_TYPE
from localcloud.arm.storage.containers import PUBLIC_ACCESS
from localcloud.arm.storage.key_rows import KEY_NAMES
from localcloud.openapi.parts import (
    FLAG,
    PAGING,
    TEXT,
    TIME,
    Shape,
    array,
    one_of,
    operation,
    or_null,
    page,
    record,
    texts,
)
from localcloud.openapi.resource_manager import TAGS

_ACCOUNTS: Final = f"/providers/{SHOWN_TYPE}"
_SERVICES: Final = ACCOUNT + "/blobServices"
_CONTAINERS: Final = _SERVICES + "/default/containers"
_SKU: Final = record("name", name=one_of(*rules.SKUS))
_METADATA: Final = texts() | {
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
    "additionalProperties": {"type": "string", "pattern": "^[ -~]*$"},
}

PATHS: Final[dict[str, dict[str, Any]]] = {
    SUBSCRIPTION + _ACCOUNTS: {
        "get": operation("StorageAccounts_List", {200: "StorageAccountPage"}, *PAGING)
    },
    SUBSCRIPTION + f"/providers/{NAMESPACE}/checkNameAvailability": {
        "post": operation(
            "StorageAccounts_CheckNameAvailability", {200: "NameAvailability"}, body="NameRequest"
        )
    },
    GROUP + _ACCOUNTS: {
        "get": operation("StorageAccounts_ListByResourceGroup", {200: "StorageAccountPage"}, *PAGING)
    },
    ACCOUNT: {
        "get": operation("StorageAccounts_Get", {200: "StorageAccount"}),
        "put": operation(
            "StorageAccounts_Create", {200: "StorageAccount"}, body="StorageAccountRequest", changes=True
        ),
        "patch": operation(
            "StorageAccounts_Update", {200: "StorageAccount"}, body="StorageAccountChange", changes=True
        ),
        "delete": operation("StorageAccounts_Delete", {200: None, 204: None}, changes=True),
    },
    ACCOUNT + "/listKeys": {"post": operation("StorageAccounts_ListKeys", {200: "StorageKeys"})},
    ACCOUNT + "/regenerateKey": {
        "post": operation(
            "StorageAccounts_RegenerateKey", {200: "StorageKeys"}, body="StorageKeyRequest", changes=True
        )
    },
}
CONTAINER_PATHS: Final[dict[str, dict[str, Any]]] = {
    _SERVICES: {"get": operation("BlobServices_List", {200: "BlobServicePage"}, *PAGING)},
    _SERVICES + "/default": {"get": operation("BlobServices_Get", {200: "BlobService"})},
    _CONTAINERS: {"get": operation("Containers_List", {200: "ContainerPage"}, *PAGING)},
    _CONTAINERS + "/{container}": {
        "get": operation("Containers_Get", {200: "Container"}),
        "put": operation(
            "Containers_Create",
            {200: "Container", 201: "Container"},
            body="ContainerRequest",
            body_may_miss=True,
            changes=True,
        ),
        "patch": operation("Containers_Update", {200: "Container"}, body="ContainerRequest", changes=True),
        "delete": operation("Containers_Delete", {200: None, 204: None}, changes=True),
    },
}
"""Those of a localcloud with blob storage."""

REQUESTS: Final[dict[str, Shape]] = {
    "StorageAccountRequest": record(
        "location sku kind",
        location=one_of(*REGIONS),
        tags=or_null(TAGS),
        sku=_SKU,
        kind=one_of(*rules.KINDS),
        properties=or_null({"type": "object"}),
    ),
    "StorageAccountChange": record(
        tags=or_null(TAGS),
        sku=or_null(_SKU),
        kind=or_null(one_of(*rules.KINDS)),
        properties=or_null({"type": "object"}),
    ),
    "StorageKeyRequest": record("keyName", keyName=one_of(*KEY_NAMES)),
    "NameRequest": record("name", name=TEXT),
    "ContainerRequest": record(
        properties=or_null(record(publicAccess=or_null(one_of(*PUBLIC_ACCESS)), metadata=or_null(_METADATA)))
    ),
}
_SKU_SHOWN: Final = record("name tier", name=one_of(*rules.SKUS), tier=one_of("Standard", "Premium"))
ANSWERS: Final[dict[str, Shape]] = {
    "StorageAccount": record(
        "id name type location tags sku kind properties",
        id=TEXT,
        name=TEXT,
        type=one_of(SHOWN_TYPE),
        location=one_of(*REGIONS),
        tags=texts(),
        sku=_SKU_SHOWN,
        kind=one_of(*rules.KINDS),
        properties=record(
            "provisioningState creationTime primaryLocation statusOfPrimary",
            provisioningState=one_of("Succeeded"),
            creationTime=TIME,
            primaryLocation=TEXT,
            statusOfPrimary=one_of("available"),
            primaryEndpoints=record("blob", blob={"type": "string", "format": "uri"}),
        )
        | {"additionalProperties": True, "description": "And those that were declared, as they were."},
    ),
    "StorageAccountPage": page("StorageAccount"),
    "NameAvailability": record("nameAvailable", nameAvailable=FLAG, reason=TEXT, message=TEXT),
    "StorageKeys": record(
        "keys",
        keys=array(
            record(
                "keyName value permissions creationTime",
                keyName=one_of(*KEY_NAMES),
                value=TEXT,
                permissions=one_of("FULL"),
                creationTime=TIME,
            )
        ),
    ),
    "BlobService": record(
        "id name type sku properties",
        id=TEXT,
        name=one_of("default"),
        type=TEXT,
        sku=_SKU_SHOWN,
        properties=record(
            cors=record(corsRules=array({"type": "object"})), deleteRetentionPolicy=record(enabled=FLAG)
        ),
    ),
    "BlobServicePage": page("BlobService"),
    "Container": record(
        "id name type etag properties",
        id=TEXT,
        name=TEXT,
        type=TEXT,
        etag=TEXT,
        properties=record(
            "publicAccess metadata lastModifiedTime",
            publicAccess=one_of(*PUBLIC_ACCESS),
            metadata=texts(),
            lastModifiedTime=TIME,
            leaseState=TEXT,
            leaseStatus=TEXT,
            hasImmutabilityPolicy=FLAG,
            hasLegalHold=FLAG,
        ),
    ),
    "ContainerPage": page("Container"),
}
