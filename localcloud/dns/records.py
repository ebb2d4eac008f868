"""Record sets as Resource Manager holds them, as DNS data. No I/O.

Source: Azure DNS REST API, `RecordSetProperties` (api-version 2018-05-01); RFC 1035, 2782, 3596, 8659.
"""

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

_log = logging.getLogger(__name__)
_IN = dns.rdataclass.IN
# Record type -> the property that holds its records: a list, or the one record that there can be.
_KEYS = {
    "A": "ARecords",
    "AAAA": "AAAARecords",
    "CAA": "caaRecords",
    "CNAME": "CNAMERecord",
    "MX": "MXRecords",
    "NS": "NSRecords",
    "PTR": "PTRRecords",
    "SOA": "SOARecord",
    "SRV": "SRVRecords",
    "TXT": "TXTRecords",
}


@dataclass(frozen=True)
class RecordSet:
    """One record set of a zone.

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
    if kind not in _KEYS:
        raise ValueError(f"records of type {kind} are not served; there are {', '.join(_KEYS)}")
    rdtype = dns.rdatatype.from_text(kind)
    rdata_class: Any = dns.rdata.get_rdata_class(_IN, rdtype)  # type: ignore[no-untyped-call]
    rdataset = dns.rdataset.Rdataset(_IN, rdtype)
    for values in _values(kind, record_set.properties):
        rdataset.add(rdata_class(_IN, rdtype, *values), ttl=int(record_set.properties["TTL"]))
    return rdataset


def _values(kind: str, properties: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What stands in each record of a set, as dnspython's class for the type takes it."""
    key = _KEYS[kind]
    given = properties.get(key) or []
    records = given if isinstance(given, list) else [given]
    return [_value(kind, one) for one in records]


def _value(kind: str, record: Mapping[str, Any]) -> tuple[Any, ...]:
    match kind:
        case "A":
            return (record["ipv4Address"],)
        case "AAAA":
            return (record["ipv6Address"],)
        case "CAA":
            return int(record["flags"]), record["tag"].encode(), record["value"].encode()
        case "CNAME":
            return (_name(record["cname"]),)
        case "MX":
            return int(record["preference"]), _name(record["exchange"])
        case "NS":
            return (_name(record["nsdname"]),)
        case "PTR":
            return (_name(record["ptrdname"]),)
        case "SRV":
            order = (int(record[name]) for name in ("priority", "weight", "port"))
            return *order, _name(record["target"])
        case "SOA":
            numbers = ("serialNumber", "refreshTime", "retryTime", "expireTime", "minimumTTL")
            return _name(record["host"]), _name(record["email"]), *(int(record[name]) for name in numbers)
        case _:
            return ([part.encode() for part in record["value"]],)


def _name(text: str) -> dns.name.Name:
    """A name in a record's value; it is absolute, with or without its last dot."""
    return dns.name.from_text(text)
