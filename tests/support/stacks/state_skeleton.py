"""The skeleton of a stack's state: what a later version of the program must find again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Skeleton = dict[str, dict[str, Any]]


def of_resources(resources: Iterable[Mapping[str, Any]]) -> Skeleton:
    """The skeleton of exported resources, by their URNs: all but the values of their properties."""
    return {one["urn"]: _of(one) for one in resources}


def _of(resource: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"urn": resource["urn"], "type": resource["type"]}
    for key in ("parent", "custom"):
        if resource.get(key):
            found[key] = resource[key]
    if resource.get("dependencies"):
        found["dependencies"] = sorted(resource["dependencies"])
    if resource.get("additionalSecretOutputs"):
        found["additional_secret_outputs"] = sorted(resource["additionalSecretOutputs"])
    # where a dynamic resource's provider is found: module and class, pickled
    if "__provider" in resource.get("inputs", {}):
        found["dynamic_provider"] = resource["inputs"]["__provider"]
    for key in ("inputs", "outputs"):
        if resource.get(key):
            found[key] = sorted(resource[key])
    return found
