"""The logical name of the service that a resource belongs to, by where it is in the graph.

A leaf, like the catalogue: the command groups a plan by it, and the policy pack names services by it.
"""

from __future__ import annotations

from collections.abc import Mapping

from infra import catalogue


def service_of(urn: str, parents: Mapping[str, str]) -> str:
    """The name of the scoring endpoint that a resource is, or is in, or has its certificate from.

    Args:
        parents: the URN of each resource's parent, by its own; empty, or not there: nobody tells of one.

    Returns:
        Empty where the resource is shared, or of a stack whose one service has no name of its own.
    """
    seen: set[str] = set()
    at = urn
    while at and at not in seen:
        seen.add(at)
        if type_of(at) == catalogue.SCORING_ENDPOINT.token:
            name = name_of(at)
            return "" if name == catalogue.SCORING_ENDPOINT.name else name
        at = parents.get(at, "")
    return _certified(urn)


def type_of(urn: str) -> str:
    """The type token of a resource, without the types of those that it is in."""
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2] if len(parts) == 4 else ""


def name_of(urn: str) -> str:
    """The logical name of a resource, which may hold colons."""
    return urn.split("::", 3)[-1]


def _certified(urn: str) -> str:
    """The service that a certificate is named after: who issues several is in none of the services."""
    name, ending = name_of(urn), f"-{catalogue.CERTIFICATE.name}"
    if type_of(urn) in catalogue.ISSUING and name.endswith(ending):
        return name.removesuffix(ending)
    return ""
