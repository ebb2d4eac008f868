"""Proofs of names to an authority (RFC 8555, 8.4): TXT records that the name server answers beside its zones.

They are in memory alone: nobody finds them among the records of a zone, and none outlives the process.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype

from localcloud.dns.records import Zone

_IN, _TXT = dns.rdataclass.IN, dns.rdatatype.TXT
_TTL_S = 1


class Challenges:
    """The proofs of now, as `certs.acme.order.Dns01` publishes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[dns.name.Name, str] = {}

    def present(self, name: str, value: str) -> None:
        """Answers `value` at a name from when this returns."""
        with self._lock:
            self._values[dns.name.from_text(name)] = value

    def cleanup(self, name: str) -> None:
        """Answers it no more."""
        with self._lock:
            self._values.pop(dns.name.from_text(name), None)

    def beside(self, zones: Mapping[dns.name.Name, Zone]) -> Mapping[dns.name.Name, Zone]:
        """The zones with the proofs in them; one that no zone holds is a zone of its own.

        So a name of another server's zone is proved here, too, where that delegates the proof's name.
        """
        with self._lock:
            values = dict(self._values)
        if not values:
            return zones
        found = dict(zones)
        for name, value in values.items():
            holding = [origin for origin in found if name.is_subdomain(origin)]
            origin = max(holding, key=len, default=name)
            found[origin] = _with(found.get(origin, Zone(name, {name: {}})), name, value)
        return found


def _with(zone: Zone, name: dns.name.Name, value: str) -> Zone:
    """The zone with one more value at a name, and with the names above it (empty non-terminals)."""
    nodes = dict(zone.nodes)
    node = dict(nodes.get(name, {}))
    records = dns.rdataset.Rdataset(_IN, _TXT)
    for one in node.get(_TXT, ()):
        records.add(one, ttl=_TTL_S)
    records.add(dns.rdata.from_text(_IN, _TXT, f'"{value}"'), ttl=_TTL_S)
    node[_TXT] = records
    nodes[name] = node
    above = name
    while above != zone.origin:
        above = above.parent()
        nodes.setdefault(above, {})
    return replace(zone, nodes=nodes)
