"""The document's four steps: domain name, certificate, service with SSL, DNS; and the proof that they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import dns

from infra import catalogue
from infra.components.acme_issued import AcmeArgs, AcmeIssued, ProofZone
from infra.components.server_certificate import ServerCertificate
from infra.providers.endpoint import Endpoint, EndpointArgs
from infra.providers.endpoint_check import EndpointCheck, EndpointCheckArgs
from infra.providers.keys import Keys, KeysArgs
from infra.providers.service import Service, ServiceArgs
from infra.settings import naming

DNS_PORT = 53


@dataclass(frozen=True)
class ScoringEndpointArgs:
    """Inputs of a scoring endpoint.

    Attributes:
        service_name: the service's physical name; `adopt`: whether what bears it already is ours.
        service_name_is_derived: a service that is there keeps the name that it has.
        certificate: what the service serves while SSL is on; None: `acme` issues it.
        acme: the authority that issues the certificate to whom the zone is; it goes on while SSL is off.
        ssl_enabled: off: anyone may call.
        canonical_name: the name that has the A record, and of which `fqdn` is an alias; None: `fqdn` has it.
        record_ttl_s: how long resolvers may keep the record.
        caa_issuers: who may issue certificates for the zone's names (RFC 8659); empty: anyone.
        name_servers: `host:port` of the zone's servers; empty: as the zone itself names them.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers that must give the record, too.
        check_timeout_s: how long the check waits for the record.
        primary_key_generation, secondary_key_generation: one that is raised has that key made anew.
    """

    resource_group: pulumi.Input[str]
    account_id: pulumi.Input[str]
    model_id: pulumi.Input[str]
    service_name: str
    service_name_is_derived: bool
    adopt: bool
    zone: str
    fqdn: str
    canonical_name: str | None
    certificate: ServerCertificate | None
    acme: AcmeArgs | None
    ssl_enabled: bool
    record_ttl_s: int
    caa_issuers: tuple[str, ...]
    name_servers: tuple[str, ...]
    resolvers: tuple[str, ...]
    check_timeout_s: int
    primary_key_generation: int
    secondary_key_generation: int


class ScoringEndpoint(pulumi.ComponentResource):
    """A service that answers by its name: with SSL, to holders of a key alone."""

    ip: pulumi.Output[str]
    port: pulumi.Output[int]
    primary_key: pulumi.Output[str]
    secondary_key: pulumi.Output[str]
    served: ServerCertificate | None
    name_servers: pulumi.Output[list[str]]
    zone_name_servers: pulumi.Output[Sequence[str]]

    def __init__(
        self, name: str, args: ScoringEndpointArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(catalogue.SCORING_ENDPOINT.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)

        # 1. Acquire a domain name
        zone = dns.Zone(
            catalogue.ZONE.name,
            zone_name=args.zone,
            resource_group_name=args.resource_group,
            location="global",
            opts=inside,
        )
        self.zone_name_servers = zone.name_servers
        self.name_servers = (
            pulumi.Output.from_input(list(args.name_servers))
            if args.name_servers
            else zone.name_servers.apply(lambda hosts: [f"{host.rstrip('.')}:{DNS_PORT}" for host in hosts])
        )

        def record_set(
            name: str, kind: str, fqdn: str, opts: pulumi.ResourceOptions, **records: Any
        ) -> dns.RecordSet:
            return dns.RecordSet(
                name,
                zone_name=zone.name,
                resource_group_name=args.resource_group,
                record_type=kind,
                relative_record_set_name=naming.relative_record_name(fqdn, args.zone),
                ttl=args.record_ttl_s,
                opts=opts,
                **records,
            )

        if args.caa_issuers:
            issuers = [dns.CaaRecordArgs(flags=0, tag="issue", value=issuer) for issuer in args.caa_issuers]
            permission = [record_set(catalogue.CAA_RECORD, "CAA", args.zone, inside, caa_records=issuers)]
        else:
            permission = []

        # 2. Acquire an SSL certificate, in the form that every source gives it
        certificate = args.certificate
        if args.acme:
            # the authority looks at the CAA records first
            asked = pulumi.ResourceOptions(parent=self, depends_on=permission)
            # a zone that is served where its parents do not say is asked about alone
            above = args.resolvers or (None if args.name_servers else ())
            proof_zone = ProofZone(args.zone, zone.id, self.name_servers, args.caa_issuers, above)
            certificate = AcmeIssued(
                catalogue.ACME_ISSUED.name, args.acme, args.fqdn, proof_zone, asked
            ).certificate
        self.served = certificate = certificate if args.ssl_enabled else None

        # 3. Deploy or update the service with SSL enabled
        service = Service(
            catalogue.SERVICE.name,
            ServiceArgs(
                account_id=args.account_id,
                name=args.service_name,
                adopt=args.adopt,
                model_id=args.model_id,
                ssl_enabled=certificate is not None,
                ssl_certificate=certificate.chain if certificate else "",
                ssl_key=certificate.key if certificate else "",
                fingerprint=certificate.fingerprint if certificate else "",
            ),
            # what derives the name may change, as a stack's name does: the service, its keys, stay
            pulumi.ResourceOptions.merge(
                inside,
                pulumi.ResourceOptions(ignore_changes=["name"] if args.service_name_is_derived else None),
            ),
        )
        endpoint = Endpoint(catalogue.ENDPOINT.name, EndpointArgs(args.account_id, service.id), inside)
        keys = Keys(
            catalogue.KEYS.name,
            KeysArgs(
                account_id=args.account_id,
                service_id=service.id,
                primary_generation=args.primary_key_generation,
                secondary_generation=args.secondary_key_generation,
            ),
            inside,
        )

        # 4. Update the DNS to point to the service
        address = [dns.ARecordArgs(ipv4_address=endpoint.ip)]
        if args.canonical_name:
            canonical = record_set(
                catalogue.CANONICAL_RECORD, "A", args.canonical_name, inside, a_records=address
            )
            alias = dns.CnameRecordArgs(cname=args.canonical_name)
            # a name that has a CNAME record has no other, so the one goes before the other comes (RFC 1034)
            alone = pulumi.ResourceOptions(parent=self, depends_on=canonical, delete_before_replace=True)
            record = record_set(catalogue.RECORD_SET.name, "CNAME", args.fqdn, alone, cname_record=alias)
        else:
            alone = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
            record = record_set(catalogue.RECORD_SET.name, "A", args.fqdn, alone, a_records=address)

        # The proof that the four fit together
        EndpointCheck(
            catalogue.ENDPOINT_CHECK.name,
            EndpointCheckArgs(
                fqdn=args.fqdn,
                name_servers=self.name_servers,
                ip=endpoint.ip,
                port=endpoint.port,
                deployed_at=service.deployed_at,
                ssl_enabled=certificate is not None,
                fingerprint=certificate.fingerprint if certificate else "",
                root_certificate=certificate.root if certificate else "",
                primary_key=keys.primary_key,
                secondary_key=keys.secondary_key,
                timeout_s=args.check_timeout_s,
                resolvers=args.resolvers or None,
                delegation=zone.name_servers if args.resolvers else None,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=record),
        )

        self.ip, self.port = endpoint.ip, endpoint.port
        self.primary_key, self.secondary_key = keys.primary_key, keys.secondary_key
        self.register_outputs({"ip": self.ip, "port": self.port})
