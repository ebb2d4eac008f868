"""Record sets: `Microsoft.Network/dnsZones/TYPE`, for each type that there is."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm import resources
from localcloud.arm.conditions import check_conditions
from localcloud.arm.dns import name_servers
from localcloud.arm.dns.records import parse_properties, with_defaults
from localcloud.arm.dns.zones import (
    MAX_RECORD_SETS,
    SHOWN_TYPE,
    TYPE,
    ZONE,
    record_set,
)
from localcloud.arm.lists import page, query_of
from localcloud.arm.paths import find_named
from localcloud.arm.providers import unknown_type
from localcloud.arm.resources import Resource
from localcloud.datafolder.store import Store
from localcloud.dns.names import record_set_problem
from localcloud.dns.record_types import TYPES
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import Route

_RECORD_SET = ZONE + "/{kind}/{name}"
_ALL = ("recordsets", "all")


class RecordSets:
    """The verbs of record sets. Every change also changes the serial number of the zone's SOA record."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            Route(ZONE + "/{kind}", self._list),
            Route(_RECORD_SET, self._get),
            Route(_RECORD_SET, self._put, methods=["PUT"]),
            Route(_RECORD_SET, self._patch, methods=["PATCH"]),
            Route(_RECORD_SET, self._delete, methods=["DELETE"]),
        ]

    def _list(self, request: Request) -> Response:
        every = request.path_params["kind"].lower() in _ALL
        kind = None if every else f"{TYPE}/{_kind(request).lower()}"
        query = query_of(request)
        suffix = query.get("$recordsetnamesuffix", query.get("$recordsetsuffix", "")).lower()
        with self._store.read() as db:
            zone = _zone(db, request)
            found = resources.listing(db, type=kind, parent=zone.id)
        named = [item for item in found if item.name.lower().endswith(suffix)]
        return page(request, named, lambda item: item.id, lambda item: _shown(zone, item))

    def _get(self, request: Request) -> Response:
        kind, name = _kind(request), request.path_params["name"]
        with self._store.read() as db:
            zone = _zone(db, request)
            found = resources.find(db, record_set(zone, kind, name, {}).id)
        if found is None:
            raise _not_found(zone, kind, name)
        return _answer(zone, found, 200)

    def _put(self, request: Request) -> Response:
        kind, name = _kind(request), request.path_params["name"]
        with self._store.write() as db:
            zone = _zone(db, request)
            new = record_set(zone, kind, name, {})
            known = resources.find(db, new.id)
            properties = with_defaults(kind, parse_properties(kind, json_body(body_of(request))))
            check_conditions(request, known.etag if known else None)
            if known is None:
                _check_place(db, zone, kind, name)
            return _answer(zone, _save(db, known or new, kind, properties), 200 if known else 201)

    def _patch(self, request: Request) -> Response:
        kind, name = _kind(request), request.path_params["name"]
        changes = parse_properties(kind, json_body(body_of(request)))
        with self._store.write() as db:
            zone = _zone(db, request)
            known = resources.find(db, record_set(zone, kind, name, {}).id)
            if known is None:
                raise _not_found(zone, kind, name)
            check_conditions(request, known.etag)
            return _answer(zone, _save(db, known, kind, known.properties | changes), 200)

    def _delete(self, request: Request) -> Response:
        kind, name = _kind(request), request.path_params["name"]
        with self._store.write() as db:
            zone = _zone(db, request)
            known = resources.find(db, record_set(zone, kind, name, {}).id)
            if known is None:
                return Response(status_code=204)
            check_conditions(request, known.etag)
            if name == "@" and kind in ("NS", "SOA"):
                raise CloudError(
                    400,
                    "BadRequest",
                    f"The {kind} record set at the root of zone '{zone.name}' cannot be deleted: "
                    "it goes with its zone.",
                )
            resources.delete(db, known)
            _raise_serial(db, zone.id)
        return Response(status_code=200)


def _kind(request: Request) -> str:
    kind: str = request.path_params["kind"].upper()
    if kind not in TYPES:
        raise unknown_type(request.scope["path"])
    return kind


def _zone(db: sqlite3.Connection, request: Request) -> Resource:
    name = request.path_params["zone"]
    zone = find_named(db, request, SHOWN_TYPE, name)
    if zone is None:
        raise resources.missing_parent(name)
    return zone


def _check_place(db: sqlite3.Connection, zone: Resource, kind: str, name: str) -> None:
    """Refuses a new set of this type where none may be at this name.

    Raises:
        CloudError: 400 BadRequest or 409 Conflict.
    """
    problem = record_set_problem(name, zone.name)
    if problem is not None:
        raise CloudError(400, "BadRequest", f"The record set name '{name}' is invalid: {problem}.")
    if kind == "CNAME" and name == "@":
        raise CloudError(
            400, "BadRequest", f"A CNAME record set cannot be at the root ('@') of zone '{zone.name}'."
        )
    if kind == "SOA":  # the one at the root was made with the zone
        raise CloudError(400, "BadRequest", "A zone has one SOA record set, at its root ('@').")
    if kind == "NS" and name.startswith("*"):
        raise CloudError(400, "BadRequest", "An NS record set cannot have a wildcard name.")
    query = "SELECT type FROM resources WHERE parent_id = ? AND name = ? COLLATE NOCASE"
    siblings = [row["type"].rpartition("/")[2].upper() for row in db.execute(query, (zone.id, name))]
    if kind == "CNAME" and siblings:
        raise CloudError(
            409,
            "Conflict",
            "The CNAME record could not be created because another record with the same name already "
            f"exists in this zone: {', '.join(siblings)} '{name}'.",
        )
    if "CNAME" in siblings:
        raise CloudError(
            409,
            "Conflict",
            "The record could not be created because a CNAME record with the same name already exists "
            f"in this zone: '{name}'.",
        )
    count = db.execute("SELECT count(*) FROM resources WHERE parent_id = ?", (zone.id,)).fetchone()[0]
    if count >= MAX_RECORD_SETS:
        raise CloudError(
            409, "Conflict", f"Zone '{zone.name}' has its {MAX_RECORD_SETS} record sets already."
        )


def _save(db: sqlite3.Connection, item: Resource, kind: str, properties: dict[str, Any]) -> Resource:
    assert item.parent_id is not None  # noqa: S101 - record sets are below a zone
    if kind == "SOA":
        kept = item.properties["SOARecord"]
        given = properties.get("SOARecord", {})
        serial = {"serialNumber": _next_serial(kept["serialNumber"], given.get("serialNumber"))}
        # The primary name server is the zone's own; Azure, too, keeps it.
        authority = kept | given | serial | {"host": kept["host"]}
        return resources.save(db, replace(item, body={"properties": properties | {"SOARecord": authority}}))
    if kind == "NS" and item.name == "@":
        names = {record["nsdname"].rstrip(".").lower() for record in properties["NSRecords"]}
        zone = resources.find(db, item.parent_id)
        assert zone is not None  # noqa: S101 - likewise
        servers = name_servers.of(zone)
        if not names.issuperset(server.rstrip(".") for server in servers):
            raise CloudError(
                400,
                "BadRequest",
                f"The name servers {', '.join(servers)} must stay in the NS record set at the root.",
            )
    saved = resources.save(db, replace(item, body={"properties": properties}))
    _raise_serial(db, item.parent_id)
    return saved


def _raise_serial(db: sqlite3.Connection, zone: str) -> None:
    authority = resources.find(db, f"{zone}/soa/@")
    assert authority is not None  # noqa: S101 - made with the zone, and never deleted
    record = authority.properties["SOARecord"]
    record = record | {"serialNumber": _next_serial(record["serialNumber"], None)}
    resources.save(db, replace(authority, body={"properties": authority.properties | {"SOARecord": record}}))


def _next_serial(kept: int, asked: int | None) -> int:
    """The serial number after a change: the one asked for if it is ahead (RFC 1982), else one more."""
    if asked is not None and 0 < (asked - kept) % 2**32 < 2**31:
        return asked
    return (kept + 1) % 2**32


def _not_found(zone: Resource, kind: str, name: str) -> CloudError:
    return CloudError(
        404, "ResourceNotFound", f"The resource record '{kind}/{name}' does not exist in zone '{zone.name}'."
    )


def _answer(zone: Resource, item: Resource, status: int) -> Response:
    return JSONResponse(_shown(zone, item), status, headers={"ETag": f'"{item.etag}"'})


def _shown(zone: Resource, item: Resource) -> dict[str, Any]:
    kind = item.type.rpartition("/")[2].upper()
    fqdn = f"{zone.name}." if item.name == "@" else f"{item.name}.{zone.name}."
    computed = {"fqdn": fqdn, "provisioningState": "Succeeded", "targetResource": {}}
    return {
        "id": item.display_id,
        "name": item.name,
        "type": f"{SHOWN_TYPE}/{kind}",
        "etag": item.etag,
        "properties": item.properties | computed,
    }
