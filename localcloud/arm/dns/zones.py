"""DNS zones: `Microsoft.Network/dnsZones`, api-version 2018-05-01 and later. Public zones only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm import resources
from localcloud.arm.checks import location_of, object_of, tags_of
from localcloud.arm.conditions import check_conditions
from localcloud.arm.dns import name_servers
from localcloud.arm.lists import of_type, page
from localcloud.arm.paths import GROUP, SUBSCRIPTION, find_named, named, named_group
from localcloud.arm.providers import require_registered
from localcloud.arm.resources import Resource
from localcloud.datafolder.store import Store
from localcloud.dns.names import zone_problem
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import Route

NAMESPACE = "Microsoft.Network"
SHOWN_TYPE = f"{NAMESPACE}/dnsZones"
TYPE = SHOWN_TYPE.lower()
COLLECTION = f"/providers/{SHOWN_TYPE}"
ZONE = GROUP + COLLECTION + "/{zone}"

HOSTMASTER = "hostmaster.azure-dns.localhost."
NS_TTL_S = 172800
SOA_TTL_S = 3600
MAX_RECORD_SETS = 10000


class Zones:
    """The verbs of DNS zones.

    Args:
        servers: the name servers of new zones.
    """

    def __init__(self, store: Store, servers: Sequence[str] = name_servers.NAME_SERVERS) -> None:
        self._store, self._servers = store, servers

    def routes(self) -> list[Route]:
        return [
            Route(SUBSCRIPTION + COLLECTION, self._list),
            Route(GROUP + COLLECTION, self._list),
            Route(ZONE, self._get),
            Route(ZONE, self._put, methods=["PUT"]),
            Route(ZONE, self._patch, methods=["PATCH"]),
            Route(ZONE, self._delete, methods=["DELETE"]),
        ]

    def _list(self, request: Request) -> Response:
        with self._store.read() as db:
            found = of_type(db, request, TYPE)
            return page(request, found, lambda zone: zone.id, lambda zone: _shown(db, zone))

    def _get(self, request: Request) -> Response:
        with self._store.read() as db:
            return _answer(db, _existing(db, request), 200)

    def _put(self, request: Request) -> Response:
        name = request.path_params["zone"]
        with self._store.write() as db:
            group = named_group(db, request)
            require_registered(db, group.subscription_id, NAMESPACE)
            problem = zone_problem(name)
            if problem is not None:
                raise CloudError(400, "BadRequest", f"The zone name '{name}' is invalid: {problem}.")
            body = json_body(body_of(request))
            location = location_of(body, SHOWN_TYPE, ("global",))
            if object_of(body, "properties").get("zoneType") not in (None, "Public"):
                raise CloudError(400, "BadRequest", "Private zones are not available here.")
            known = resources.find(db, resources.key(group, SHOWN_TYPE, name))
            check_conditions(request, known.etag if known else None)
            if known is None:
                _refuse_second(db, name)
            zone = known or resources.new(group, SHOWN_TYPE, name)
            content = {"location": location, "tags": tags_of(body), "properties": {}}
            content |= name_servers.noted(name_servers.of(known) if known else self._servers)
            saved = resources.save(db, replace(zone, body=content))
            if known is None:
                _make_apex(db, saved)
            return _answer(db, saved, 200 if known else 201)

    def _patch(self, request: Request) -> Response:
        body = json_body(body_of(request))
        with self._store.write() as db:
            zone = _existing(db, request)
            check_conditions(request, zone.etag)
            if body.get("tags") is not None:
                zone = resources.save(db, replace(zone, body=zone.body | {"tags": tags_of(body)}))
            return _answer(db, zone, 200)

    def _delete(self, request: Request) -> Response:
        with self._store.write() as db:
            zone = find_named(db, request, SHOWN_TYPE, request.path_params["zone"])
            if zone is None:
                return Response(status_code=204)
            check_conditions(request, zone.etag)
            resources.delete(db, zone)
        return Response(status_code=200)


def record_set(zone: Resource, kind: str, name: str, properties: dict[str, Any]) -> Resource:
    """A record set of a zone, not yet saved.

    Args:
        kind: the record type in upper case.
        name: relative to the zone.
    """
    path = f"/{kind}/{name}"
    return Resource(
        id=f"{zone.id}{path}".lower(),
        display_id=f"{zone.display_id}{path}",
        group_id=zone.group_id,
        parent_id=zone.id,
        type=f"{TYPE}/{kind.lower()}",
        name=name,
        body={"properties": properties},
    )


def _make_apex(db: sqlite3.Connection, zone: Resource) -> None:
    """The sets that every zone has: its name servers and its start of authority."""
    servers = {"TTL": NS_TTL_S, "NSRecords": [{"nsdname": name} for name in name_servers.of(zone)]}
    authority = {
        "host": name_servers.of(zone)[0],
        "email": HOSTMASTER,
        "serialNumber": 1,
        "refreshTime": 3600,
        "retryTime": 300,
        "expireTime": 2419200,
        "minimumTTL": 300,
    }
    resources.save(db, record_set(zone, "NS", "@", servers))
    resources.save(db, record_set(zone, "SOA", "@", {"TTL": SOA_TTL_S, "SOARecord": authority}))


def _refuse_second(db: sqlite3.Connection, name: str) -> None:
    """Azure tells zones of one name apart by their name servers; here all have the same."""
    query = "SELECT display_id FROM resources WHERE type = ? AND name = ? COLLATE NOCASE"
    other = db.execute(query, (TYPE, name)).fetchone()
    if other is not None:
        raise CloudError(
            409,
            "Conflict",
            f"The zone '{name}' exists already as '{other['display_id']}', and one set of name servers can "
            "serve it once only.",
        )


def _existing(db: sqlite3.Connection, request: Request) -> Resource:
    return named(db, request, SHOWN_TYPE, request.path_params["zone"])


def _answer(db: sqlite3.Connection, zone: Resource, status: int) -> Response:
    return JSONResponse(_shown(db, zone), status, headers={"ETag": f'"{zone.etag}"'})


def _shown(db: sqlite3.Connection, zone: Resource) -> dict[str, Any]:
    counted = db.execute("SELECT count(*) FROM resources WHERE parent_id = ?", (zone.id,)).fetchone()
    return {
        "id": zone.display_id,
        "name": zone.name,
        "type": SHOWN_TYPE,
        "location": zone.body["location"],
        "tags": zone.body["tags"],
        "etag": zone.etag,
        "properties": {
            "maxNumberOfRecordSets": MAX_RECORD_SETS,
            "nameServers": list(name_servers.of(zone)),
            "numberOfRecordSets": counted[0],
            "zoneType": "Public",
        },
    }
