"""The resources of one service in a stack's state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra import catalogue
from infra.service_names import service_of


def of_service(resources: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The resources of the service of a logical name; empty: what services share, or the only one's.

    Args:
        resources: those of the stack's state, as it is exported.
    """
    listed = list(resources)
    parents = {str(one.get("urn")): str(one.get("parent") or "") for one in listed}
    return [one for one in listed if service_of(str(one.get("urn")), parents) == name]


def certified_by(resources: Iterable[dict[str, Any]], name: str) -> str:
    """The name of the other service whose certificate a service has; empty: its own, or nobody knows."""
    listed = list(resources)
    chains = {
        one.get("inputs", {}).get("ssl_certificate")
        for one in of_service(listed, name)
        if one.get("type") == catalogue.SERVICE.token
    } - {None, ""}
    parents = {str(one.get("urn")): str(one.get("parent") or "") for one in listed}
    holders = (
        service_of(str(one.get("urn")), parents)
        for one in listed
        if one.get("type") in catalogue.ISSUING and one.get("outputs", {}).get("certificate") in chains
    )
    return next((holder for holder in holders if holder != name), "")


def model_of(resources: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The model that a service runs, if the stack has registered it; services of one package share it."""
    listed = list(resources)
    services = [one for one in of_service(listed, name) if one.get("type") == catalogue.SERVICE.token]
    wanted = {one.get("inputs", {}).get("model_id") for one in services}
    models = (one for one in listed if one.get("type") == catalogue.MODEL.token)
    return next((one for one in models if one.get("id") in wanted), None)
