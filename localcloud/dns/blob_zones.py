"""Names of storage accounts as the name server answers them: each a zone of its own beside those declared.

So it is an authority for the accounts that are here alone: of another account's name it says that it is not
asked (REFUSED), and whoever looks it up elsewhere finds Azure's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype

from localcloud.blob import names
from localcloud.dns.records import Zone

_IN = dns.rdataclass.IN
TTL_S = 60


class BlobZones:
    """The names of a blob service's accounts.

    Args:
        host: IPv4 address or DNS name at which callers reach the blob service.
        suffixes: those of `localcloud.blob.names`.
    """

    def __init__(self, host: str, suffixes: Sequence[str]) -> None:
        self._suffixes = suffixes
        is_address = host.replace(".", "").isdigit()
        self._kind = dns.rdatatype.A if is_address else dns.rdatatype.CNAME
        self._target = host if is_address else f"{host.rstrip('.')}."

    def beside(
        self, zones: Mapping[dns.name.Name, Zone], accounts: Iterable[str]
    ) -> Mapping[dns.name.Name, Zone]:
        """The zones, and those of the accounts' names; of a name in a declared zone, that alone answers."""
        found = dict(zones)
        for account in accounts:
            for host in names.hosts(account, self._suffixes):
                name = dns.name.from_text(host)
                if not any(name.is_subdomain(origin) for origin in zones):
                    found[name] = self._zone(name)
        return found

    def _zone(self, name: dns.name.Name) -> Zone:
        node = {self._kind: _rdataset(self._kind, self._target)}
        if self._kind == dns.rdatatype.A:  # an alias has nothing beside it (RFC 1034 section 3.6.2)
            soa = f"localhost. hostmaster.localhost. 1 3600 300 2419200 {TTL_S}"
            node[dns.rdatatype.SOA] = _rdataset(dns.rdatatype.SOA, soa)
        return Zone(name, {name: node})


def _rdataset(kind: dns.rdatatype.RdataType, text: str) -> dns.rdataset.Rdataset:
    found = dns.rdataset.Rdataset(_IN, kind)
    found.add(dns.rdata.from_text(_IN, kind, text), ttl=TTL_S)
    return found
