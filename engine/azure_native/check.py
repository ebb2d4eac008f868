"""Check and diff of a resource's inputs: their defaults and faults, and the meaning of a change. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.azure_native.translate import normalized_location
from engine.azure_native.types import GENERIC_RESOURCE, ResourceType
from engine.azure_native.values import UNKNOWN, Properties, plain


def check(
    kind: ResourceType,
    logical_name: str,
    olds: Properties,
    news: Properties,
    *,
    default_location: str | None,
    seed: bytes,
) -> tuple[Properties, list[tuple[str, str]]]:
    """The inputs with their defaults, and their faults as (property, reason).

    Args:
        olds: inputs in the state, if there are; a name made before is kept.
        default_location: configuration `azure-native:location`.
        seed: the engine's random seed for this resource: the same in preview and deployment.
    """
    inputs = {name: value for name, value in news.items() if value is not None}
    if kind.name not in inputs:
        suffix = hashlib.sha256(seed).hexdigest()[:8] if kind.random_name else ""
        inputs[kind.name] = plain(olds.get(kind.name)) or logical_name + suffix
    if "location" in kind.body and "location" not in inputs and default_location:
        inputs["location"] = default_location
    failures = [(name, "is required") for name in kind.required if name not in inputs]
    failures += [
        (name, "names the resource and must not be empty")
        for name in (*kind.required, kind.name)
        if plain(inputs.get(name)) == ""
    ]
    # A generic resource may be of a type that has no location.
    if "location" in kind.body and "location" not in inputs and kind is not GENERIC_RESOURCE:
        failures.append(
            ("location", "is required: set it, or `pulumi config set azure-native:location eastus2`")
        )
    return inputs, failures


@dataclass
class Difference:
    """The changes between two sets of inputs.

    Attributes:
        detailed: property path -> (kind: add, delete or update; whether it replaces the resource).
        replaces: top-level properties whose change replaces the resource.
        changed: top-level properties that change.
        delete_first: whether the old resource must go before its replacement can come, as both have one id.
    """

    detailed: dict[str, tuple[str, bool]] = field(default_factory=dict)
    replaces: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    delete_first: bool = False


def diff(kind: ResourceType, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Difference:
    """Compares inputs in the state with those wanted; unknown counts as changed."""
    result = Difference()
    names = (*kind.path_parameters, *kind.body, "apiVersion")
    for name in names:
        before, after = plain(olds.get(name)), plain(news.get(name))
        if name == "location" and isinstance(before, str) and isinstance(after, str):
            before, after = normalized_location(before), normalized_location(after)
        changes = list(_changes(name, before, after))
        if not changes:
            continue
        replaces = name in kind.path_parameters or name in kind.immutable
        result.changed.append(name)
        if replaces:
            result.replaces.append(name)
        for path, change in changes:
            result.detailed[path] = (change, replaces)
    renamed = any(name in kind.path_parameters for name in result.replaces)
    result.delete_first = bool(result.replaces) and not renamed
    return result


def _changes(path: str, before: Any, after: Any) -> Iterator[tuple[str, str]]:
    if after is UNKNOWN:
        yield path, "add" if before is None else "update"
    elif before is None and after is None:
        return
    elif before is None:
        yield path, "add"
    elif after is None:
        yield path, "delete"
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            inner = f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]'
            yield from _changes(inner, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            yield from _changes(
                f"{path}[{index}]",
                before[index] if index < len(before) else None,
                after[index] if index < len(after) else None,
            )
    elif before != after:
        yield path, "update"
