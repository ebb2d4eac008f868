"""Rules of Resource Manager for a storage account's name, SKU, kind and properties. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.arm.checks import object_of
from localcloud.errors import CloudError

SKUS = (
    "Standard_LRS",
    "Standard_GRS",
    "Standard_RAGRS",
    "Standard_ZRS",
    "Standard_GZRS",
    "Standard_RAGZRS",
    "Premium_LRS",
    "Premium_ZRS",
)
KINDS = ("Storage", "StorageV2", "BlobStorage", "BlockBlobStorage")
_NAME = re.compile(r"[a-z0-9]{3,24}")
_COMPUTED = ("provisioningState", "primaryEndpoints", "creationTime", "primaryLocation", "statusOfPrimary")


def name_problem(name: str) -> str | None:
    """The problem with a storage account's name, in Azure's words; None: there is none."""
    if _NAME.fullmatch(name):
        return None
    return (
        f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 "
        "characters in length and use numbers and lower-case letters only."
    )


def sku_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The SKU in a body; raises `CloudError` 400 InvalidRequestPropertyValue."""
    name = object_of(body, "sku").get("name")
    if name not in SKUS:
        raise CloudError(
            400,
            "InvalidRequestPropertyValue",
            f"The value {name!r} for property 'sku.name' is invalid: give one of {', '.join(SKUS)}.",
        )
    return {"name": name, "tier": name.partition("_")[0]}


def kind_of(body: Mapping[str, Any]) -> str:
    """The kind in a body; raises `CloudError` 400 InvalidRequestPropertyValue."""
    kind = body.get("kind")
    if kind not in KINDS:
        raise CloudError(
            400,
            "InvalidRequestPropertyValue",
            f"The value {kind!r} for property 'kind' is invalid: give one of {', '.join(KINDS)}.",
        )
    return str(kind)


def properties_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The properties in a body, as they were declared, without those that only the server knows."""
    return {key: value for key, value in object_of(body, "properties").items() if key not in _COMPUTED}
