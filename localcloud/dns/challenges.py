"""Proofs of names to an authority (RFC 8555, 8.4): TXT records that the name server answers beside its zones.

They are in memory alone: nobody finds them among the records of a zone, and none outlives the process.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
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
        self._values: dict[dns.name.Name, tuple[str, ...]] = {}

    def present(self, proofs: Mapping[str, Sequence[str]]) -> None:
        """Answers the values of each name from when this returns."""
        with self._lock:
            self._values |= {dns.name.from_text(name): tuple(values) for name, values in proofs.items()}

    def cleanup(self, name: str) -> None:
        """Answers it no more."""
        with self._lock:
            self._values.pop(dns.name.from_text(name), None)

    def beside(self, zones: Mapping[dns.name.Name, Zone]) -> Mapping[dns.name.Name, Zone]:
        """The zones with the proofs in them; one that no zone holds is a zone of its own.

        So a name of another server's zone is proved here, too, where that delegates the proof's name.
        """
        with self._lock:
            proofs = dict(self._values)
        if not proofs:
            return zones
        found = dict(zones)
        for name, values in proofs.items():
            holding = [origin for origin in found if name.is_subdomain(origin)]
            origin = max(holding, key=len, default=name)
            found[origin] = _with(found.get(origin, Zone(name, {name: {}})), name, values)
        return found


def _with(zone: Zone, name: dns.name.Name, values: Sequence[str]) -> Zone:
    """The zone with more values at a name, and with the names above it (empty non-terminals)."""
    nodes = dict(zone.nodes)
    node = dict(nodes.get(name, {}))
    records = dns.rdataset.Rdataset(_IN, _TXT)
    for one in node.get(_TXT, ()):
        records.add(one, ttl=_TTL_S)
    for value in values:
        records.add(dns.rdata.from_text(_IN, _TXT, f'"{value}"'), ttl=_TTL_S)
    node[_TXT] = records
    nodes[name] = node
    above = name
    while above != zone.origin:
        above = above.parent()
        nodes.setdefault(above, {})
    return replace(zone, nodes=nodes)
