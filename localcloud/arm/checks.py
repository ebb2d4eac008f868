"""Checks of Resource Manager on every kind of resource: names, locations, tags. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.errors import CloudError

REGIONS = (
    "australiacentral",
    "australiaeast",
    "australiasoutheast",
    "brazilsouth",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "germanywestcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "koreacentral",
    "koreasouth",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "polandcentral",
    "southafricanorth",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "uaenorth",
    "uksouth",
    "ukwest",
    "westcentralus",
    "westeurope",
    "westindia",
    "westus",
    "westus2",
    "westus3",
)
"""Where groups and storage accounts may be."""

MAX_TAGS = 50
MAX_TAG_NAME = 512
MAX_TAG_VALUE = 256


def plain_location(location: str) -> str:
    """A location as Azure compares them: `East US 2` is `eastus2`."""
    return re.sub(r"\s", "", location).lower()


def location_of(body: Mapping[str, Any], resource_type: str, offered: Sequence[str]) -> str:
    """The location in a resource's body, in its plain spelling.

    Raises:
        CloudError: 400 LocationRequired, or LocationNotAvailableForResourceType naming those that are.
    """
    location = body.get("location")
    if not isinstance(location, str) or not location.strip():
        raise CloudError(400, "LocationRequired", "The location property is required for this definition.")
    if plain_location(location) not in offered:
        raise CloudError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{location}' is not available for resource type '{resource_type}'. "
            f"List of available regions for the resource type is '{','.join(offered)}'.",
        )
    return plain_location(location)


def tags_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The tags in a resource's body; none where there are none.

    Raises:
        CloudError: 400 InvalidTagNameOrValue.
    """
    tags = body.get("tags")
    if tags is None:
        return {}
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise CloudError(400, "InvalidTags", "The tags must be an object whose values are strings.")
    if len(tags) > MAX_TAGS:
        raise CloudError(
            400, "TooManyTags", f"There are {len(tags)} tags; a resource has at most {MAX_TAGS}."
        )
    for name, value in tags.items():
        if not 0 < len(name) <= MAX_TAG_NAME or re.search(r"[<>%&\\?/]", name):
            raise CloudError(
                400,
                "InvalidTagNameCharacters",
                f"The tag name '{name[:80]}' is invalid: it takes 1 to {MAX_TAG_NAME} characters, "
                "none of <, >, %, &, \\, ?, /.",
            )
        if len(value) > MAX_TAG_VALUE:
            raise CloudError(
                400,
                "TagValueTooLong",
                f"The value of the tag '{name[:80]}' has {len(value)} characters; at most {MAX_TAG_VALUE}.",
            )
    return tags


def object_of(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object inside a body, `{}` where it is absent or null.

    Raises:
        CloudError: 400 InvalidRequestContent: it is something else.
    """
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CloudError(400, "InvalidRequestContent", f"The property '{key}' must be a JSON object.")
    return value


def same_location(kept: str, asked: str, name: str, group: str) -> None:
    """Refuses to move a resource.

    Raises:
        CloudError: 409 InvalidResourceLocation.
    """
    if kept != asked:
        raise CloudError(
            409,
            "InvalidResourceLocation",
            f"The resource '{name}' already exists in location '{kept}' in resource group '{group}'. "
            f"A resource with the same name cannot be created in location '{asked}'. "
            "Please select a new resource name.",
        )
