"""Between Pulumi's inputs and outputs and ARM's id and body. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.azure_native.types import GENERIC_RESOURCE, ResourceType
from engine.azure_native.values import UNKNOWN, Properties, Secret, holds_secret, holds_unknown, plain


def resource_id(kind: ResourceType, subscription_id: str, inputs: Mapping[str, Any]) -> str:
    """ARM's id of the resource that the (plain, known) inputs name."""
    values = {name: str(inputs.get(name) or "") for name in kind.path_parameters}
    filled = kind.path.format(subscriptionId=subscription_id, **values)
    # A generic resource without a parent leaves an empty segment.
    return re.sub("/{2,}", "/", filled)


def path_inputs(kind: ResourceType, identifier: str) -> Properties:
    """The inputs that an ARM id was made of.

    Raises:
        ValueError: the id is not one of this type.
    """
    pattern = re.escape(kind.path)
    for name in ("subscriptionId", *kind.path_parameters):
        group = f"(?P<{name}>[^/]+)"
        if name == "parentResourcePath":  # type/name pairs, or nothing
            pattern = pattern.replace(r"\{parentResourcePath\}/", r"(?:(?P<parentResourcePath>.+)/)?")
        else:
            pattern = pattern.replace(rf"\{{{name}\}}", group)
    match = re.fullmatch(pattern, identifier, re.IGNORECASE)
    if match is None:
        raise ValueError(f"'{identifier}' is no id of a {kind.token}: expected {kind.path}")
    return {name: match[name] or "" for name in kind.path_parameters}


def request_body(kind: ResourceType, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """ARM's body for a PUT of the (plain, known) inputs."""
    body: dict[str, Any] = {}
    for name, place in kind.body.items():
        if inputs.get(name) is not None:
            *parents, last = place.split(".")
            target = body
            for parent in parents:
                target = target.setdefault(parent, {})
            target[last] = inputs[name]
    if any(place.startswith("properties.") for place in kind.body.values()):
        body.setdefault("properties", {})
    return body


def outputs(
    kind: ResourceType, answer: Mapping[str, Any], api_version: str, inputs: Properties
) -> Properties:
    """Outputs from ARM's answer; what came in as a secret goes out as one."""
    found: Properties = {"azureApiVersion": api_version}
    for name, place in {**kind.body, **kind.computed}.items():
        value = _at(answer, place)
        if value is not None:
            found[name] = Secret(value) if holds_secret(inputs.get(name)) else value
    return found


def preview_outputs(kind: ResourceType, inputs: Properties, olds: Properties | None) -> Properties:
    """Outputs as far as they can be told before the request.

    Args:
        olds: the present outputs of a resource that is to be updated, few of one that was put and never seen;
            None of one that is to be created.
    """
    found: Properties = dict.fromkeys(kind.computed, UNKNOWN)
    if olds is not None:
        found |= {name: value for name, value in olds.items() if name not in kind.volatile}
    name = inputs.get(kind.name)
    if "name" not in (olds or {}) and name is not None and not holds_unknown(name):
        found["name"] = plain(name)
    found["azureApiVersion"] = api_version(kind, plain(inputs))
    return found | {name: inputs[name] for name in kind.body if name in inputs}


def api_version(kind: ResourceType, inputs: Mapping[str, Any]) -> Any:
    """ARM's api-version: the type's, for a generic resource the one that its inputs name."""
    if kind is GENERIC_RESOURCE:
        return inputs.get("apiVersion") or kind.api_version
    return kind.api_version


def read_inputs(
    kind: ResourceType, identifier: str, olds: Properties, news: Properties, inputs: Properties
) -> Properties:
    """Inputs that would have led to the outputs just read.

    What differs between the outputs in the state and those just read is drift, and is carried over into the
    inputs; what the service merely filled in is left out, so that a refresh shows what drifted and no more.
    For an import there are no inputs yet: all that the answer says is taken, but for what is empty and for
    what ARM derives, which nobody declares. Of a resource that was put, and never seen, only what was put can
    have drifted.
    """
    if not inputs:
        return _imported(kind, path_inputs(kind, identifier), news)
    result = dict(inputs)
    seen = "name" in olds
    for name in kind.body if seen else kind.body.keys() & inputs.keys():
        before, now = plain(olds.get(name)), plain(news.get(name))
        if _equal(name, before, now):
            continue
        if now is None:
            result.pop(name, None)
        else:
            given = plain(inputs.get(name))
            # What a generic resource's `properties` hold besides what was put is the service's own (dates,
            # addresses), and its changes are no drift.
            merged = _carry_over(
                before,
                now,
                given,
                only_given=not seen or (kind is GENERIC_RESOURCE and name == "properties"),
            )
            result[name] = Secret(merged) if holds_secret(inputs.get(name)) else merged
    return result


def _imported(kind: ResourceType, path: Properties, news: Properties) -> Properties:
    found = dict(path)
    if kind is GENERIC_RESOURCE:
        found["apiVersion"] = news["azureApiVersion"]
    for name in kind.body:
        value = news.get(name)
        if isinstance(value, dict):
            value = {key: inner for key, inner in value.items() if f"{name}.{key}" not in kind.derived}
        if value not in (None, {}, []):
            found[name] = value
    return found


def normalized_location(location: str) -> str:
    """Azure takes "East US 2" for eastus2."""
    return location.replace(" ", "").lower()


def _equal(name: str, one: Any, other: Any) -> bool:
    if name == "location" and isinstance(one, str) and isinstance(other, str):
        return normalized_location(one) == normalized_location(other)
    return bool(one == other)


def _carry_over(before: Any, now: Any, given: Any, *, only_given: bool = False) -> Any:
    """The given input with the difference of before and now applied to it."""
    if not (isinstance(before, dict) and isinstance(now, dict) and isinstance(given, dict)):
        return now
    result = dict(given)
    for key in before.keys() | now.keys():
        if before.get(key) == now.get(key) or (only_given and key not in given):
            continue
        if key in now:
            result[key] = _carry_over(before.get(key), now[key], given.get(key), only_given=only_given)
        else:
            result.pop(key, None)
    return result


def _at(answer: Mapping[str, Any], place: str) -> Any:
    value: Any = answer
    for part in place.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value
