"""DNS zones and their records as the page shows them to a principal."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

import dns.exception

from localcloud.arm import resources
from localcloud.arm.dns.zones import TYPE
from localcloud.arm.resources import Resource
from localcloud.dns.records import RecordSet, rdataset_from
from localcloud.portal import sight as sights
from localcloud.portal.sight import Sight

MOST: Final = 500
"""Most record sets of a zone that are shown."""


@dataclass(frozen=True)
class ShownSet:
    """A record set: its records in the text of zone files (RFC 1035).

    Attributes:
        ttl: seconds; None where DNS cannot express the set.
    """

    name: str
    type: str
    ttl: int | None
    records: tuple[str, ...]


@dataclass(frozen=True)
class ShownZone:
    """A zone.

    Attributes:
        sets: those that the principal may see, `MOST` at most.
        number: how many there are of these.
    """

    name: str
    group: str
    sets: tuple[ShownSet, ...]
    number: int


def listing(db: sqlite3.Connection, sight: Sight) -> list[ShownZone]:
    """The zones that a principal may see."""
    found = []
    for zone in resources.listing(db, type=TYPE):
        names = {"group": zone.display_id.split("/")[4], "zone": zone.name}
        if not sight.may_get(sights.ZONE, **names):
            continue
        seen = [
            one
            for one in resources.listing(db, parent=zone.id)
            if sight.may_get(sights.RECORDS, **names, kind=_kind(one), name=one.name)
        ]
        shown = tuple(map(_shown, seen[:MOST]))
        found.append(ShownZone(zone.name, names["group"], shown, len(seen)))
    return found


def _shown(one: Resource) -> ShownSet:
    try:
        rdataset = rdataset_from(RecordSet(one.name, _kind(one), one.properties))
        records = tuple(rdata.to_text() for rdata in rdataset)
    except (dns.exception.DNSException, ValueError, KeyError, TypeError, AttributeError):
        return ShownSet(one.name, _kind(one), None, ("(DNS cannot express it)",))
    return ShownSet(one.name, _kind(one), rdataset.ttl, records)


def _kind(one: Resource) -> str:
    return one.type.rpartition("/")[2].upper()
