"""The name servers of zones: the names that delegations and their own records have of this server."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from localcloud.arm import resources
from localcloud.arm.resources import Resource
from localcloud.datafolder.store import Store

# Below the reserved name `localhost` (RFC 6761): it can be nobody's domain, and stands for this machine.
NAME_SERVERS: Final = ("ns1-01.azure-dns.localhost.", "ns2-01.azure-dns.localhost.")
_KEY: Final = "nameServers"


def named(name: str | None) -> tuple[str, ...]:
    """The name servers of a server with this DNS name; None: it has none."""
    return NAME_SERVERS if name is None else (f"{name.rstrip('.').lower()}.",)


def of(zone: Resource) -> tuple[str, ...]:
    """A zone's name servers."""
    return tuple(zone.body.get(_KEY, NAME_SERVERS))


def noted(servers: Sequence[str]) -> dict[str, Any]:
    """What a zone's body says of its name servers."""
    return {} if tuple(servers) == NAME_SERVERS else {_KEY: list(servers)}


def settle(store: Store, zone_type: str, servers: tuple[str, ...]) -> None:
    """Has every zone name these servers, in the place of those that it named before."""
    with store.write() as db:
        for zone in resources.listing(db, type=zone_type):
            if of(zone) != servers:
                _rename(db, zone, servers)


def _rename(db: sqlite3.Connection, zone: Resource, servers: tuple[str, ...]) -> None:
    before = {one.lower() for one in of(zone)}
    own = resources.find(db, f"{zone.id}/ns/@")
    authority = resources.find(db, f"{zone.id}/soa/@")
    assert own is not None  # noqa: S101 - made with the zone, and never deleted
    assert authority is not None  # noqa: S101 - likewise
    others = [
        one for one in own.properties["NSRecords"] if f"{one['nsdname'].rstrip('.').lower()}." not in before
    ]
    records = [{"nsdname": one} for one in servers] + others
    resources.save(db, replace(own, body={"properties": own.properties | {"NSRecords": records}}))
    kept = authority.properties["SOARecord"]
    changed = kept | {"host": servers[0], "serialNumber": (kept["serialNumber"] + 1) % 2**32}
    properties = authority.properties | {"SOARecord": changed}
    resources.save(db, replace(authority, body={"properties": properties}))
    body = {key: value for key, value in zone.body.items() if key != _KEY}
    resources.save(db, replace(zone, body=body | noted(servers)))
