"""The document's four steps: domain name, certificate, service with SSL, DNS; and the proof that they fit."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import dns

from infra import names
from infra.components.server_certificate import ServerCertificate
from infra.providers.endpoint import Endpoint, EndpointArgs
from infra.providers.endpoint_check import EndpointCheck, EndpointCheckArgs
from infra.providers.keys import Keys, KeysArgs
from infra.providers.service import Service, ServiceArgs

DNS_PORT = 53


@dataclass(frozen=True)
class ScoringEndpointArgs:
    """Inputs of a scoring endpoint.

    Attributes:
        service_name: the service's physical name; `adopt`: whether what bears it already is ours.
        certificate: what the service serves; None: SSL is off, and anyone may call.
        record_ttl_s: how long resolvers may keep the record.
        name_servers: `host:port` of the zone's servers; empty: as the zone itself names them.
        check_timeout_s: how long the check waits for the record.
    """

    resource_group: pulumi.Input[str]
    account_id: pulumi.Input[str]
    model_id: pulumi.Input[str]
    service_name: str
    adopt: bool
    zone: str
    fqdn: str
    certificate: ServerCertificate | None
    record_ttl_s: int
    name_servers: tuple[str, ...]
    check_timeout_s: int


class ScoringEndpoint(pulumi.ComponentResource):
    """A service that answers by its name: with SSL, to holders of a key alone."""

    ip: pulumi.Output[str]
    port: pulumi.Output[int]
    primary_key: pulumi.Output[str]
    secondary_key: pulumi.Output[str]
    name_servers: pulumi.Output[list[str]]

    def __init__(
        self, name: str, args: ScoringEndpointArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fpga:index:ScoringEndpoint", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        certificate = args.certificate

        # 1. Acquire a domain name
        zone = dns.Zone(
            "zone",
            zone_name=args.zone,
            resource_group_name=args.resource_group,
            location="global",
            opts=inside,
        )

        # 2. Acquire an SSL certificate: `certificate`, in the form that every source gives it

        # 3. Deploy or update the service with SSL enabled
        service = Service(
            "service",
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
            inside,
        )
        endpoint = Endpoint("endpoint", EndpointArgs(args.account_id, service.id), inside)
        keys = Keys("keys", KeysArgs(args.account_id, service.id), inside)

        # 4. Update the DNS to point to the service
        record = dns.RecordSet(
            "record",
            zone_name=zone.name,
            resource_group_name=args.resource_group,
            record_type="A",
            relative_record_set_name=names.relative_record_name(args.fqdn, args.zone),
            ttl=args.record_ttl_s,
            a_records=[dns.ARecordArgs(ipv4_address=endpoint.ip)],
            opts=inside,
        )

        # The proof that the four fit together
        self.name_servers = (
            pulumi.Output.from_input(list(args.name_servers))
            if args.name_servers
            else zone.name_servers.apply(lambda hosts: [f"{host.rstrip('.')}:{DNS_PORT}" for host in hosts])
        )
        EndpointCheck(
            "endpoint-check",
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
            ),
            pulumi.ResourceOptions(parent=self, depends_on=record),
        )

        self.ip, self.port = endpoint.ip, endpoint.port
        self.primary_key, self.secondary_key = keys.primary_key, keys.secondary_key
        self.register_outputs({"ip": self.ip, "port": self.port})
