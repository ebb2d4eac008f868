"""The document's first step: a domain. Its zone, and who may issue certificates for the names in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import dns

from infra import catalogue
from infra.components import earlier
from infra.providers import existing_resource
from infra.providers.existing_resource import ExistingResource, ExistingResourceArgs
from infra.settings import naming
from infra.settings.domain import DomainSettings

DNS_PORT = 53


@dataclass(frozen=True)
class DomainArgs:
    """Inputs of a domain.

    Attributes:
        resource_group: name of the group that the zone is in.
        settings: the zone's; the names of services in it are nothing to the domain.
        existing: the zone's resource ID, where others keep it: records alone are made.
    """

    resource_group: pulumi.Input[str]
    settings: DomainSettings
    existing: str | None = None


class Domain:
    """A DNS zone, with the CAA records of its apex where there are to be any. It is no resource by itself.

    Attributes:
        zone_id: the zone's resource ID.
        zone_name_servers: the names of its servers, as the parent's delegation names them.
        name_servers: `host:port` of the servers that are asked for its records.
        permission: what stands before an authority is asked for a certificate.
    """

    zone_id: pulumi.Output[str]
    zone_name_servers: pulumi.Output[Sequence[str]]
    name_servers: pulumi.Output[list[str]]
    permission: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: DomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declares them.

        Args:
            name: what their logical names start with, but for the catalogue's name.
            opts: of each of them.
        """
        self._name, self._args = name, args
        inside = pulumi.ResourceOptions.merge(opts, earlier.in_scoring_endpoint())
        settings = args.settings
        zone = self._zone(inside)
        self._zone_name = zone.name
        self.zone_id = zone.resource_id if isinstance(zone, ExistingResource) else zone.id
        self.zone_name_servers = zone.name_servers
        self.name_servers = (
            pulumi.Output.from_input(list(settings.name_servers))
            if settings.name_servers
            else zone.name_servers.apply(lambda hosts: [f"{host.rstrip('.')}:{DNS_PORT}" for host in hosts])
        )
        self.permission = ()
        if settings.caa_issuers:
            issuers = [
                dns.CaaRecordArgs(flags=0, tag="issue", value=issuer) for issuer in settings.caa_issuers
            ]
            record_name = catalogue.DOMAIN.child(name, catalogue.CAA_RECORD)
            apex, ttl_s = settings.zone, settings.record_ttl_s
            self.permission = (self.record_set(record_name, "CAA", apex, ttl_s, inside, caa_records=issuers),)

    def _zone(self, opts: pulumi.ResourceOptions) -> dns.Zone | ExistingResource:
        args, base = self._args, catalogue.ZONE.name
        name = catalogue.DOMAIN.child(self._name, base)
        if args.existing is None:
            self._group = args.resource_group
            return dns.Zone(
                name,
                zone_name=args.settings.zone,
                resource_group_name=self._group,
                location="global",
                opts=opts,
            )
        zone = ExistingResource(
            catalogue.DOMAIN.child(self._name, catalogue.existing(base)),
            ExistingResourceArgs(args.existing, catalogue.ZONE.api_version),
            existing_resource.in_place_of(name, catalogue.ZONE, opts),
        )
        self._group = zone.group
        return zone

    def record_set(
        self,
        name: str,
        kind: str,
        fqdn: str,
        ttl_s: int,
        opts: pulumi.ResourceOptions,
        **records: Any,
    ) -> dns.RecordSet:
        """Declares a record set in the zone.

        Args:
            name: logical name.
            kind: `A`, `CNAME` or `CAA`.
            ttl_s: for how long resolvers may keep it, in seconds.
            records: the argument of `dns.RecordSet` for this kind.
        """
        return dns.RecordSet(
            name,
            zone_name=self._zone_name,
            resource_group_name=self._group,
            record_type=kind,
            relative_record_set_name=naming.relative_record_name(fqdn, self._args.settings.zone),
            ttl=ttl_s,
            opts=opts,
            **records,
        )
