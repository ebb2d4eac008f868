"""The settings of the domain: its zone, the service's name in it, and who serves both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from infra.settings import naming
from infra.settings.kinds import domain, integer, switch, text, texts
from infra.settings.reader import NAMESPACE
from infra.settings.table import Setting, When
from surroundings import digits

# for how long resolvers may keep "no such name": the minimum in the SOA records that Azure gives its zones
NEGATIVE_TTL_S: Final = 300


def _name_server_problem(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    if host and digits.whole(port, 65535):
        return None
    return "write each server as host:port, such as 127.0.0.1:53"


def _resolver_problem(resolver: str) -> str | None:
    from clients.dns.resolution import host_and_port

    try:
        host_and_port(resolver)
    except ValueError:
        return "write each resolver as ADDRESS or ADDRESS:PORT, such as 9.9.9.9 or 127.0.0.1:5353"
    return None


@dataclass(frozen=True, kw_only=True)
class DomainSettings:
    """The domain: zone, FQDN at or under it, TTL in seconds, and where the zone is served. Names in A-labels.

    Attributes:
        exists: the zone is others': the records alone are the stack's.
        zone_group: the zone's group, where the zone is there already; None: the stack's.
        canonical_name: the name that has the A record, where the FQDN is an alias of it (RFC 1034, 3.6.2).
        caa_issuers: who may issue certificates for the zone's names (RFC 8659); empty: anyone.
        name_servers: `host:port` of each of the zone's servers; empty: as the zone's NS records say.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers at which the endpoint check looks, too.
    """

    zone: Annotated[str, Setting("zone", domain(), "The DNS zone that the names are in")]
    fqdn: Annotated[str, Setting("fqdn", domain(), "The service's name, at or under the zone")]
    exists: Annotated[
        bool,
        Setting(
            "zoneExists",
            switch(),
            "The zone is there already, and others': the stack makes its own records in it, and no more",
        ),
    ] = False
    zone_group: Annotated[
        str | None,
        Setting(
            "zoneResourceGroup",
            text(naming.resource_group_problem),
            "The resource group that the zone is in; not set: resourceGroup",
            when=When("zoneExists", ("true",)),
        ),
    ] = None
    canonical_name: Annotated[
        str | None,
        Setting(
            "canonicalName",
            domain(of_record=True),
            "The name that has the A record, and of which fqdn is an alias (CNAME)",
        ),
    ] = None
    record_ttl_s: Annotated[
        int,
        Setting(
            "recordTtl", integer(1, 2_147_483_647), "How long resolvers may keep the records, in seconds"
        ),
    ] = 300
    caa_issuers: Annotated[
        tuple[str, ...],
        Setting(
            "caaIssuers",
            texts(naming.caa_issuer_problem, naming.caa_issuer),
            "Who may issue certificates for the zone's names (CAA, RFC 8659), such as letsencrypt.org",
        ),
    ] = ()
    name_servers: Annotated[
        tuple[str, ...],
        Setting(
            "nameServers",
            texts(_name_server_problem),
            "host:port of the servers of the zone; not set: as its own NS records say",
        ),
    ] = ()
    resolvers: Annotated[
        tuple[str, ...],
        Setting(
            "resolvers",
            texts(_resolver_problem),
            "ADDRESS[:PORT] of recursive resolvers at which the endpoint check looks, too",
        ),
    ] = ()

    @property
    def patience_s(self) -> int:
        """For how many seconds what was before may go on being told, and a minute."""
        kept_s = max(self.record_ttl_s, NEGATIVE_TTL_S) if self.resolvers else self.record_ttl_s
        return kept_s + 60


def contradictions(settings: DomainSettings) -> Iterator[tuple[str, str]]:
    """The settings that do not go together: the key of each, and what is wrong with it."""
    zone, fqdn, name = settings.zone, settings.fqdn, settings.canonical_name
    if not (zone and fqdn):
        return
    if not naming.is_under(fqdn, zone):
        yield (
            "fqdn",
            f"is '{fqdn}', which is not under its zone '{zone}': "
            f"choose a name such as 'service.{zone}', or set {NAMESPACE}:zone to its zone",
        )
    if not name:
        return
    if not naming.is_under(name, zone):
        yield "canonicalName", f"is '{name}', which is not under the zone '{zone}': choose one that is"
    elif name == fqdn:
        yield "canonicalName", f"is the fqdn '{fqdn}' itself: choose another name, or remove it"
    elif fqdn == zone:
        yield (
            "canonicalName",
            f"makes an alias of '{fqdn}', which is the zone itself and cannot be one, for it has SOA and NS "
            "records. Remove it: the A record can be at the zone itself",
        )
