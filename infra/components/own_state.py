"""The part of the stack's own state that tells what is the stack's, where it shares with others.

The engine hands it out by the function that Pulumi's SDKs list a stack's outputs with; nothing else of it is
kept, for it holds secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pulumi

from infra import catalogue
from infra.existing import Own
from infra.settings import naming

_LIST: Final = "pulumi:pulumi:readStackResourceOutputs"
_STACK: Final = "pulumi:pulumi:Stack"


def read(zone_id: str) -> Own:
    """What the stack has, as of its last update.

    Args:
        zone_id: of the zone that its records are in, where its state has none: they were adopted.
    """
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    listed = pulumi.runtime.invoke(_LIST, {"stackName": name}).value or {}
    return own(listed.get("outputs") or {}, zone_id)


def own(listed: Mapping[str, Mapping[str, Any]], zone_id: str) -> Own:
    """What is told of a stack's resources.

    Args:
        listed: by its URN, the type and the outputs of each.
        zone_id: as of `read`.
    """
    services = {
        urn.rpartition("::")[2]: str(one["outputs"].get("name") or "")
        for urn, one in listed.items()
        if one["type"] == catalogue.SERVICE.token
    }
    by_type = {one["type"]: one["outputs"] for urn, one in listed.items()}
    zones = [_zone(urn, one, by_type.get(_STACK, {})) for urn, one in listed.items()]
    records = frozenset(_records(listed, next(filter(None, zones), zone_id)))
    storage = (one["outputs"] for one in listed.values() if one["type"] == catalogue.STORAGE_ACCOUNT.token)
    return Own(services, records, frozenset(str(one.get("name") or "") for one in storage))


def _zone(urn: str, one: Mapping[str, Any], stack: Mapping[str, Any]) -> str | None:
    """The ID of the zone, if the resource is the one; a zone of the stack's own was in the stack's group."""
    if urn.endswith(f"::{catalogue.existing(catalogue.ZONE.name)}"):
        return str(one["outputs"].get("resource_id") or "")
    if one["type"] == catalogue.ZONE.token and {"subscriptionId", "resourceGroup"} <= stack.keys():
        group = f"/subscriptions/{stack['subscriptionId']}/resourceGroups/{stack['resourceGroup']}"
        return f"{group}/providers/Microsoft.Network/dnsZones/{one['outputs'].get('name')}"
    return None


def _records(listed: Mapping[str, Mapping[str, Any]], zone_id: str) -> Iterator[str]:
    zone = zone_id.rpartition("/")[2]
    for one in listed.values():
        if one["type"] == catalogue.RECORD_SET.token:
            fqdn = str(one["outputs"].get("fqdn") or "").rstrip(".")
            type_ = str(one["outputs"].get("type") or "").rpartition("/")[2]
            if naming.is_under(fqdn, zone):
                yield f"{zone_id}/{type_}/{naming.relative_record_name(fqdn, zone)}".lower()
