"""Record sets as Resource Manager holds them, as DNS data. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype

from localcloud.dns.record_types import TYPES

_log = logging.getLogger(__name__)
_IN = dns.rdataclass.IN


@dataclass(frozen=True)
class RecordSet:
    """A record set of a zone.

    Attributes:
        name: relative to the zone, `@` for the zone itself; may hold `*` and underscores.
        type: `A`, `TXT`, ..., in any case.
        properties: `TTL` (seconds) and the records, with the keys of Azure's API.
    """

    name: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Zone:
    """A zone to answer from.

    Attributes:
        origin: its absolute name.
        nodes: absolute name -> record type -> records. A name without records of its own that has names below
            it (an empty non-terminal) is there with nothing in it.
    """

    origin: dns.name.Name
    nodes: Mapping[dns.name.Name, Mapping[dns.rdatatype.RdataType, dns.rdataset.Rdataset]]


def zone_from(name: str, record_sets: Iterable[RecordSet]) -> Zone:
    """A zone from its record sets.

    A record set that DNS cannot express is left out, and logged: the rest of the zone must answer.
    """
    origin = dns.name.from_text(name)
    nodes: dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rdataset.Rdataset]] = {origin: {}}
    for record_set in record_sets:
        try:
            owner = dns.name.from_text(record_set.name, origin)
            rdataset = rdataset_from(record_set)
        except (dns.exception.DNSException, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("%s %s of zone %s is not served: %r", record_set.type, record_set.name, name, error)
            continue
        if len(rdataset):
            nodes.setdefault(owner, {})[rdataset.rdtype] = rdataset
            while owner != origin:
                owner = owner.parent()
                nodes.setdefault(owner, {})
    return Zone(origin, nodes)


def rdataset_from(record_set: RecordSet) -> dns.rdataset.Rdataset:
    """The records of a set, in their order, with its TTL; empty where it has none.

    Raises:
        AttributeError, KeyError, TypeError, ValueError, dns.exception.DNSException: DNS cannot express them.
    """
    kind = record_set.type.upper()
    if kind not in TYPES:
        raise ValueError(f"records of type {kind} are not served; there are {', '.join(TYPES)}")
    rdataset = dns.rdataset.Rdataset(_IN, dns.rdatatype.from_text(kind))
    for rdata in rdatas_of(kind, TYPES[kind].records(record_set.properties)):
        rdataset.add(rdata, ttl=int(record_set.properties["TTL"]))
    return rdataset


def rdatas_of(kind: str, records: Iterable[Mapping[str, Any]]) -> list[dns.rdata.Rdata]:
    """Records of one type, as DNS has them.

    Raises:
        AttributeError, KeyError, TypeError, ValueError, dns.exception.DNSException: DNS cannot express them.
    """
    rdtype = dns.rdatatype.from_text(kind)
    rdata_class: Any = dns.rdata.get_rdata_class(_IN, rdtype)  # type: ignore[no-untyped-call]
    return [rdata_class(_IN, rdtype, *TYPES[kind].rdata(record)) for record in records]
