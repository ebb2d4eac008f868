"""The document's four steps: domain name, certificate, service with SSL, DNS; and the proof that they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import dns

from infra import catalogue
from infra.components.acme_issued import AcmeIssued, AcmeIssuedArgs
from infra.components.model_management import ModelManagement
from infra.components.server_certificate import SelfSigned, ServerCertificate
from infra.inputs.provided_certificate import ProvidedCertificate
from infra.providers.endpoint import Endpoint, EndpointArgs
from infra.providers.endpoint_check import EndpointCheck, EndpointCheckArgs
from infra.providers.keys import Keys, KeysArgs
from infra.providers.service import Service, ServiceArgs
from infra.settings import ServiceSettings, naming
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings

DNS_PORT = 53


@dataclass(frozen=True)
class ScoringEndpointArgs:
    """Inputs of a scoring endpoint.

    Attributes:
        management: the account that the service is in.
        model_id: the account's id for the model that it runs.
        service_name: the service's physical name, which its settings may leave to be derived.
        provided: the certificate that the stack's owner brings; None: a resource issues it, or SSL is off.
        acme_roots: the roots of a private authority that speaks ACME, PEM; empty: callers' systems know them.
    """

    management: ModelManagement
    model_id: pulumi.Input[str]
    service_name: str
    service: ServiceSettings
    domain: DomainSettings
    certificate: CertificateSettings
    provided: ProvidedCertificate | None
    acme_roots: str


class ScoringEndpoint(pulumi.ComponentResource):
    """A service that answers by its name: with SSL, to holders of a key alone.

    `served` is its certificate; None: SSL is off.
    """

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
        domain, settings, account_id = args.domain, args.service, args.management.account_id

        # 1. Acquire a domain name
        zone = dns.Zone(
            catalogue.ZONE.name,
            zone_name=domain.zone,
            resource_group_name=args.management.resource_group,
            location="global",
            opts=inside,
        )
        self.zone_name_servers = zone.name_servers
        self.name_servers = (
            pulumi.Output.from_input(list(domain.name_servers))
            if domain.name_servers
            else zone.name_servers.apply(lambda hosts: [f"{host.rstrip('.')}:{DNS_PORT}" for host in hosts])
        )

        def record_set(
            name: str, kind: str, fqdn: str, opts: pulumi.ResourceOptions, **records: Any
        ) -> dns.RecordSet:
            return dns.RecordSet(
                name,
                zone_name=zone.name,
                resource_group_name=args.management.resource_group,
                record_type=kind,
                relative_record_set_name=naming.relative_record_name(fqdn, domain.zone),
                ttl=domain.record_ttl_s,
                opts=opts,
                **records,
            )

        permission = []
        if domain.caa_issuers:
            issuers = [dns.CaaRecordArgs(flags=0, tag="issue", value=issuer) for issuer in domain.caa_issuers]
            permission = [record_set(catalogue.CAA_RECORD, "CAA", domain.zone, inside, caa_records=issuers)]

        # 2. Acquire an SSL certificate; what issues it stays declared while SSL is off
        certificate = self._certificate(args, zone, permission)
        self.served = certificate = certificate if settings.ssl_enabled else None

        # 3. Deploy or update the service with SSL enabled
        service = Service(
            catalogue.SERVICE.name,
            ServiceArgs(
                account_id=account_id,
                name=args.service_name,
                # what bears a name of our own making is ours
                adopt=settings.adopt or settings.name is None,
                model_id=args.model_id,
                ssl_enabled=certificate is not None,
                ssl_certificate=certificate.chain if certificate else "",
                ssl_key=certificate.key if certificate else "",
                fingerprint=certificate.fingerprint if certificate else "",
                server=args.management.server,
            ),
            # what derives the name may change, as a stack's name does: the service, its keys, stay
            pulumi.ResourceOptions(parent=self, ignore_changes=["name"] if settings.name is None else None),
        )
        endpoint = Endpoint(catalogue.ENDPOINT.name, EndpointArgs(account_id, service.id), inside)
        keys = Keys(
            catalogue.KEYS.name,
            KeysArgs(
                account_id=account_id,
                service_id=service.id,
                primary_generation=settings.primary_key_generation,
                secondary_generation=settings.secondary_key_generation,
            ),
            inside,
        )

        # 4. Update the DNS to point to the service
        address = [dns.ARecordArgs(ipv4_address=endpoint.ip)]
        alone = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        if domain.canonical_name:
            canonical = record_set(
                catalogue.CANONICAL_RECORD, "A", domain.canonical_name, inside, a_records=address
            )
            alias = dns.CnameRecordArgs(cname=domain.canonical_name)
            # a name that has a CNAME record has no other, so the one goes before the other comes (RFC 1034)
            alone = pulumi.ResourceOptions(parent=self, delete_before_replace=True, depends_on=canonical)
            record = record_set(catalogue.RECORD_SET.name, "CNAME", domain.fqdn, alone, cname_record=alias)
        else:
            record = record_set(catalogue.RECORD_SET.name, "A", domain.fqdn, alone, a_records=address)

        # The proof that the four fit together
        EndpointCheck(
            catalogue.ENDPOINT_CHECK.name,
            EndpointCheckArgs(
                fqdn=domain.fqdn,
                name_servers=self.name_servers,
                ip=endpoint.ip,
                port=endpoint.port,
                deployed_at=service.deployed_at,
                ssl_enabled=certificate is not None,
                fingerprint=certificate.fingerprint if certificate else "",
                root_certificate=certificate.root if certificate else "",
                primary_key=keys.primary_key,
                secondary_key=keys.secondary_key,
                timeout_s=settings.check_timeout_s,
                resolvers=domain.resolvers or None,
                delegation=zone.name_servers if domain.resolvers else None,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=record),
        )

        self.ip, self.port = endpoint.ip, endpoint.port
        self.primary_key, self.secondary_key = keys.primary_key, keys.secondary_key
        self.register_outputs({"ip": self.ip, "port": self.port})

    def _certificate(
        self, args: ScoringEndpointArgs, zone: dns.Zone, permission: Sequence[dns.RecordSet]
    ) -> ServerCertificate | None:
        """The certificate, in the form that every source gives it."""
        settings, domain = args.certificate, args.domain
        if settings.source == catalogue.CERTIFICATE.issues:
            return SelfSigned(catalogue.SELF_SIGNED.name, domain.fqdn, settings.generation).certificate
        if settings.acme is not None:
            issued = AcmeIssued(
                catalogue.ACME_ISSUED.name,
                AcmeIssuedArgs(
                    authority=settings.acme,
                    roots=args.acme_roots,
                    certificate=settings,
                    domain=domain,
                    zone_id=zone.id,
                    name_servers=self.name_servers,
                ),
                # the authority looks at the CAA records first
                pulumi.ResourceOptions(parent=self, depends_on=list(permission)),
            )
            return issued.certificate
        return ServerCertificate.brought(args.provided) if args.provided else None
