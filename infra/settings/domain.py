"""The settings of the domain: its zone, the service's name in it, and who serves both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra.settings import naming
from infra.settings.reader import NAMESPACE, Reader

# for how long resolvers may keep "no such name": the minimum in the SOA records that Azure gives its zones
NEGATIVE_TTL_S: Final = 300


@dataclass(frozen=True)
class DomainSettings:
    """The domain: zone, FQDN at or under it, TTL in seconds, and where the zone is served. Names in A-labels.

    Attributes:
        canonical_name: the name that has the A record, where the FQDN is an alias of it.
        caa_issuers: who may issue certificates for the zone's names (RFC 8659); empty: anyone.
        name_servers: `host:port` of each of the zone's servers; empty: as the zone's NS records say.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers at which the endpoint check looks, too.
    """

    zone: str
    fqdn: str
    canonical_name: str | None
    record_ttl_s: int
    caa_issuers: tuple[str, ...]
    name_servers: tuple[str, ...]
    resolvers: tuple[str, ...]

    @property
    def patience_s(self) -> int:
        """For how many seconds what was before may go on being told, and a minute."""
        kept_s = max(self.record_ttl_s, NEGATIVE_TTL_S) if self.resolvers else self.record_ttl_s
        return kept_s + 60


def read(reader: Reader) -> DomainSettings:
    """The settings; what is wrong with them goes to `reader.problems`."""
    zone = reader.domain("zone", about="The DNS zone that the graph declares")
    fqdn = reader.domain("fqdn", about="The service's name, at or under the zone")
    if zone and fqdn and not naming.is_under(fqdn, zone):
        reader.refuse(
            "fqdn",
            f"is '{fqdn}', which is not under its zone '{zone}': "
            f"choose a name such as 'service.{zone}', or set {NAMESPACE}:zone to its zone",
        )
    return DomainSettings(
        zone=zone,
        fqdn=fqdn,
        canonical_name=_canonical_name(reader, zone, fqdn),
        record_ttl_s=reader.integer(
            "recordTtl",
            default=300,
            low=1,
            high=2_147_483_647,
            about="How long resolvers may keep the records, in seconds",
        ),
        caa_issuers=_caa_issuers(reader),
        name_servers=reader.addresses(
            "nameServers",
            about="host:port of the servers of the zone; not set: as its own NS records say",
        ),
        resolvers=reader.texts(
            "resolvers",
            _resolver_problem,
            about="ADDRESS[:PORT] of recursive resolvers at which the endpoint check looks, too",
        ),
    )


def _caa_issuers(reader: Reader) -> tuple[str, ...]:
    written = reader.texts(
        "caaIssuers",
        naming.caa_issuer_problem,
        about="Who may issue certificates for the zone's names (CAA, RFC 8659), such as letsencrypt.org",
    )
    return tuple(dict.fromkeys(map(naming.caa_issuer, written)))


def _canonical_name(reader: Reader, zone: str, fqdn: str) -> str | None:
    """Of what the FQDN is an alias (RFC 1034, 3.6.2)."""
    name = reader.optional_domain(
        "canonicalName", about="The name that has the A record, and of which fqdn is an alias (CNAME)"
    )
    if not name or not zone or not fqdn:
        return name
    if not naming.is_under(name, zone):
        reader.refuse(
            "canonicalName", f"is '{name}', which is not under the zone '{zone}': choose one that is"
        )
    elif name == fqdn:
        reader.refuse("canonicalName", f"is the fqdn '{fqdn}' itself: choose another name, or remove it")
    elif fqdn == zone:
        reader.refuse(
            "canonicalName",
            f"makes an alias of '{fqdn}', which is the zone itself and cannot be one, for it has SOA and NS "
            "records. Remove it: the A record can be at the zone itself",
        )
    return name


def _resolver_problem(resolver: str) -> str | None:
    from clients.name_resolution import host_and_port

    try:
        host_and_port(resolver)
    except ValueError:
        return "write each resolver as ADDRESS or ADDRESS:PORT, such as 9.9.9.9 or 127.0.0.1:5353"
    return None
