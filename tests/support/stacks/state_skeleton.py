"""The skeleton of a stack's state: what a later version of the program must find again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

Skeleton = dict[str, dict[str, Any]]

STACK: Final = "pulumi:pulumi:Stack"
ENDPOINT: Final = "fpga:index:ScoringEndpoint"
ZONE: Final = "azure-native:dns:Zone"
AUTHORITY: Final = "fpga:index:AcmeIssued"


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


def with_all_in_the_endpoint(state: Mapping[str, Any]) -> dict[str, Any]:
    """An exported state as it was when the scoring endpoint held the zone, and the authority's account."""
    text = json.dumps(state)
    for moved in (f"{ZONE}::zone", AUTHORITY):
        text = text.replace(f"::{moved}", f"::{ENDPOINT}${moved}")
    before: dict[str, Any] = json.loads(text)
    resources = before["deployment"]["resources"]
    endpoints = [one for one in resources if one["type"] == ENDPOINT]
    stack = [one for one in resources if one["type"] == STACK]
    held = [one for one in resources if one["type"] not in (ENDPOINT, STACK)]
    for one in held:
        if one["type"] in (ZONE, AUTHORITY):
            one["parent"] = endpoints[0]["urn"]
    # what holds others stands before them
    before["deployment"]["resources"] = [*stack, *endpoints, *held]
    return before
