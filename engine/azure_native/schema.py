"""The package schema of what this plugin answers to: its types and functions, and no more of azure-native.

Its form is Pulumi's package metaschema. Types of values that this plugin only hands on to ARM are Any.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from engine.azure_native import VERSION
from engine.azure_native.provider import GET_CLIENT_CONFIG, LIST_STORAGE_ACCOUNT_KEYS
from engine.azure_native.types import GENERIC_RESOURCE, STORAGE_ACCOUNT, TYPES, ResourceType

_STRING: Final = {"type": "string"}
_ANY: Final = {"$ref": "pulumi.json#/Any"}
_KNOWN: Final = {
    "tags": {"type": "object", "additionalProperties": _STRING},
    "location": _STRING,
    "name": _STRING,
    "type": _STRING,
}
_DESCRIPTION: Final = (
    "The part of azure-native that its stand-in knows, with the properties that it hands on. "
    "The official azure-native plugin has the whole."
)


def text() -> str:
    """The schema as JSON."""
    return json.dumps(
        {
            "name": "azure-native",
            "version": VERSION,
            "displayName": "Azure Native (stand-in)",
            "description": _DESCRIPTION,
            "meta": {"moduleFormat": "(.*)"},
            "config": {},
            "provider": {"description": "Signs in as the settings azure-native:* say."},
            "resources": {kind.token: _resource(kind) for kind in TYPES.values()},
            "functions": {
                GET_CLIENT_CONFIG: {
                    "description": "Who is signed in.",
                    "outputs": _object(["clientId", "objectId", "subscriptionId", "tenantId"]),
                },
                LIST_STORAGE_ACCOUNT_KEYS: {
                    "description": "The keys of a storage account.",
                    "inputs": _object(STORAGE_ACCOUNT.path_parameters),
                    "outputs": {"type": "object", "properties": {"keys": {**_ANY, "secret": True}}},
                },
            },
            "language": {"python": {"packageName": "pulumi_azure_native", "usesIOClasses": True}},
        },
        indent=2,
    )


def _resource(kind: ResourceType) -> dict[str, Any]:
    inputs = dict.fromkeys(kind.path_parameters, _STRING) | _properties(kind.body)
    if kind is GENERIC_RESOURCE:
        inputs["apiVersion"] = _STRING
    return {
        "description": f"{kind.path}, api-version {kind.api_version}.",
        "inputProperties": inputs,
        "requiredInputs": list(kind.required),
        "properties": _properties([*kind.body, *kind.computed]),
        "required": ["name", "type"],
    }


def _properties(names: Iterable[str]) -> dict[str, Any]:
    return {name: _KNOWN.get(name, _ANY) for name in names}


def _object(names: Iterable[str]) -> dict[str, Any]:
    listed = list(names)
    return {"type": "object", "properties": dict.fromkeys(listed, _STRING), "required": listed}
