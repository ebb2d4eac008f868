"""Zones and record sets described. Pure."""

from __future__ import annotations

from typing import Any, Final

from localcloud.arm.dns import records, zones
from localcloud.arm.dns.zones import COLLECTION, SHOWN_TYPE, ZONE
from localcloud.arm.paths import GROUP, SUBSCRIPTION
from localcloud.dns.record_types import MAX_CAA_VALUE, MAX_TTL, MAX_TXT_STRING, TYPES
from localcloud.openapi.parts import (
    CONDITIONS,
    PAGING,
    TEXT,
    Shape,
    array,
    one_of,
    operation,
    or_null,
    page,
    query,
    record,
    texts,
    whole,
)
from localcloud.openapi.resource_manager import TAGS

_RECORD_SETS: Final = ZONE + "/{kind}"
_RECORD_SET: Final = _RECORD_SETS + "/{name}"
_NAME: Final = {"type": "string", "pattern": r"^[A-Za-z0-9_]{1,63}(\.[A-Za-z0-9_]{1,63}){0,2}\.?$"}
_NUMBERS: Final = {bits: whole(0, 2**bits - 1) for bits in (8, 16, 31, 32)}
_RECORDS: Final[dict[str, dict[str, Shape]]] = {
    "A": {"ipv4Address": {"type": "string", "format": "ipv4"}},
    "AAAA": {"ipv6Address": {"type": "string", "format": "ipv6"}},
    "CAA": {
        "flags": _NUMBERS[8],
        "tag": {"type": "string", "pattern": "^[A-Za-z0-9]{1,15}$"},
        "value": {"type": "string", "description": f"At most {MAX_CAA_VALUE} bytes.", "maxLength": 256},
    },
    "CNAME": {"cname": _NAME},
    "MX": {"preference": _NUMBERS[16], "exchange": _NAME},
    "NS": {"nsdname": _NAME},
    "PTR": {"ptrdname": _NAME},
    "SOA": {
        "host": _NAME,
        "email": _NAME,
        "serialNumber": _NUMBERS[32],
        **dict.fromkeys(("refreshTime", "retryTime", "expireTime", "minimumTTL"), _NUMBERS[31]),
    },
    "SRV": {**dict.fromkeys(("priority", "weight", "port"), _NUMBERS[16]), "target": _NAME},
    "TXT": {
        "value": array(
            {"type": "string", "description": f"At most {MAX_TXT_STRING} bytes.", "maxLength": 63},
            minItems=1,
        )
    },
}


def _held(kind: str, *, asked: bool) -> Shape:
    """The shape of a type's property: one record or several."""
    fields = _RECORDS[kind]
    if not asked:  # names and numbers that were taken are not judged again
        fields = {name: {"type": shape["type"]} | _items(shape) for name, shape in fields.items()}
    one = record("" if kind == "SOA" and asked else " ".join(fields), **fields)
    return one if TYPES[kind].single else array(one, maxItems=records.MAX_RECORDS)


def _items(shape: Shape) -> Shape:
    return {"items": TEXT} if shape["type"] == "array" else {}


def _properties(required: str, *, asked: bool, **more: Shape) -> Shape:
    held = {TYPES[kind].property: _held(kind, asked=asked) for kind in TYPES}
    held["metadata"] = texts()
    if asked:  # null is as if it were not there
        held = {name: or_null(shape) for name, shape in held.items()}
    return record(required, TTL=whole(1, MAX_TTL), **held, **more)


PATHS: Final[dict[str, dict[str, Any]]] = {
    SUBSCRIPTION + COLLECTION: {"get": operation("Zones_List", {200: "ZonePage"}, *PAGING)},
    GROUP + COLLECTION: {"get": operation("Zones_ListByResourceGroup", {200: "ZonePage"}, *PAGING)},
    ZONE: {
        "get": operation("Zones_Get", {200: "Zone"}),
        "put": operation(
            "Zones_CreateOrUpdate",
            {200: "Zone", 201: "Zone"},
            *CONDITIONS,
            body="ZoneRequest",
            changes=True,
            refused=(412,),
        ),
        "patch": operation(
            "Zones_Update", {200: "Zone"}, *CONDITIONS, body="TagsRequest", changes=True, refused=(412,)
        ),
        "delete": operation(
            "Zones_Delete", {200: None, 204: None}, *CONDITIONS, changes=True, refused=(412,)
        ),
    },
    _RECORD_SETS: {
        "get": operation("RecordSets_List", {200: "RecordSetPage"}, *PAGING, query("$recordsetnamesuffix"))
    },
    _RECORD_SET: {
        "get": operation("RecordSets_Get", {200: "RecordSet"}),
        "put": operation(
            "RecordSets_CreateOrUpdate",
            {200: "RecordSet", 201: "RecordSet"},
            *CONDITIONS,
            body="RecordSetRequest",
            changes=True,
            refused=(412,),
        ),
        "patch": operation(
            "RecordSets_Update",
            {200: "RecordSet"},
            *CONDITIONS,
            body="RecordSetChange",
            changes=True,
            refused=(412,),
        ),
        "delete": operation(
            "RecordSets_Delete", {200: None, 204: None}, *CONDITIONS, changes=True, refused=(412,)
        ),
    },
}

REQUESTS: Final[dict[str, Shape]] = {
    "ZoneRequest": record("location", location=one_of("global"), tags=or_null(TAGS)),
    "RecordSetRequest": record("properties", properties=_properties("TTL", asked=True)),
    "RecordSetChange": record(properties=or_null(_properties("", asked=True))),
}
ANSWERS: Final[dict[str, Shape]] = {
    "Zone": record(
        "id name type location tags etag properties",
        id=TEXT,
        name=TEXT,
        type=one_of(SHOWN_TYPE),
        location=one_of("global"),
        tags=texts(),
        etag=TEXT,
        properties=record(
            "maxNumberOfRecordSets nameServers numberOfRecordSets zoneType",
            maxNumberOfRecordSets=whole(zones.MAX_RECORD_SETS, zones.MAX_RECORD_SETS),
            nameServers=array(TEXT, minItems=1),
            numberOfRecordSets=whole(2, zones.MAX_RECORD_SETS),
            zoneType=one_of("Public"),
        ),
    ),
    "ZonePage": page("Zone"),
    "RecordSet": record(
        "id name type etag properties",
        id=TEXT,
        name=TEXT,
        type=one_of(*(f"{SHOWN_TYPE}/{kind}" for kind in TYPES)),
        etag=TEXT,
        properties=_properties(
            "TTL fqdn provisioningState targetResource",
            asked=False,
            fqdn=TEXT,
            provisioningState=one_of("Succeeded"),
            targetResource=record(),
        ),
    ),
    "RecordSetPage": page("RecordSet"),
}
