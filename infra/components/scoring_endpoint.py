"""The document's third and fourth steps: a service with SSL, and DNS; and the proof that they fit."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import dns

from infra import catalogue, declared
from infra.components.domain import Domain
from infra.components.model_management import ModelManagement
from infra.components.server_certificate import ServerCertificate
from infra.providers.endpoint import Endpoint, EndpointArgs
from infra.providers.endpoint_check import EndpointCheck, EndpointCheckArgs
from infra.providers.keys import Keys, KeysArgs
from infra.providers.service import Service, ServiceArgs
from infra.settings import ServiceSettings
from infra.settings.domain import DomainSettings


@dataclass(frozen=True)
class ScoringEndpointArgs:
    """Inputs of a scoring endpoint.

    Attributes:
        management: the account that the service is in.
        model_id: the account's id for the model that it runs.
        domain: the zone that its records are in; `names`: those records' names, and their TTL.
        certificate: what it serves with SSL; None: there is none, and SSL is off.
    """

    management: ModelManagement
    model_id: pulumi.Input[str]
    service: ServiceSettings
    domain: Domain
    names: DomainSettings
    certificate: ServerCertificate | None


class ScoringEndpoint(pulumi.ComponentResource):
    """A service that answers by its name: with SSL, to holders of a key alone.

    `served` is its certificate; None: SSL is off.
    """

    ip: pulumi.Output[str]
    port: pulumi.Output[int]
    primary_key: pulumi.Output[str]
    secondary_key: pulumi.Output[str]
    served: ServerCertificate | None

    def __init__(
        self, name: str, args: ScoringEndpointArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(catalogue.SCORING_ENDPOINT.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        settings, account_id = args.service, args.management.account_id
        # what issues a certificate stays declared while SSL is off
        self.served = certificate = args.certificate if settings.ssl_enabled else None

        def child(base: str) -> str:
            return catalogue.SCORING_ENDPOINT.child(name, base)

        # 3. Deploy or update the service with SSL enabled
        service = Service(
            child(catalogue.SERVICE.name),
            ServiceArgs(
                account_id=account_id,
                name=settings.name
                or declared.derived_service_name(name, pulumi.get_project(), pulumi.get_stack()),
                # what bears a name of our own making is ours, but in an account of others
                adopt=settings.adopt or (settings.name is None and not args.management.is_shared),
                model_id=args.model_id,
                ssl_enabled=certificate is not None,
                ssl_certificate=certificate.chain if certificate else "",
                ssl_key=certificate.key if certificate else "",
                fingerprint=certificate.fingerprint if certificate else "",
                # one is what a service without the input has: states of before see no change
                replicas=settings.replicas if settings.replicas > 1 else None,
                max_replicas=settings.max_replicas,
                server=args.management.server,
                cloud=args.management.cloud,
            ),
            # what derives the name may change, as a stack's name does: the service, its keys, stay
            pulumi.ResourceOptions(parent=self, ignore_changes=["name"] if settings.name is None else None),
        )
        endpoint = Endpoint(child(catalogue.ENDPOINT.name), EndpointArgs(account_id, service.id), inside)
        keys = Keys(
            child(catalogue.KEYS.name),
            KeysArgs(
                account_id=account_id,
                service_id=service.id,
                primary_generation=settings.primary_key_generation,
                secondary_generation=settings.secondary_key_generation,
            ),
            inside,
        )

        # 4. Update the DNS to point to the service
        names, record = args.names, self._records(name, args, endpoint)

        # The proof that the four fit together
        EndpointCheck(
            child(catalogue.ENDPOINT_CHECK.name),
            EndpointCheckArgs(
                fqdn=names.fqdn,
                name_servers=args.domain.name_servers,
                ip=endpoint.ip,
                port=endpoint.port,
                deployed_at=service.deployed_at,
                ssl_enabled=certificate is not None,
                fingerprint=certificate.fingerprint if certificate else "",
                root_certificate=certificate.root if certificate else "",
                primary_key=keys.primary_key,
                secondary_key=keys.secondary_key,
                timeout_s=settings.check_timeout_s or names.patience_s,
                resolvers=names.resolvers or None,
                delegation=args.domain.zone_name_servers if names.resolvers else None,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=record),
        )

        self.ip, self.port = endpoint.ip, endpoint.port
        self.primary_key, self.secondary_key = keys.primary_key, keys.secondary_key
        self.register_outputs({"ip": self.ip, "port": self.port})

    def _records(self, name: str, args: ScoringEndpointArgs, endpoint: Endpoint) -> dns.RecordSet:
        """The record of the service's name, and that of its canonical name where it has one."""
        names, domain, component = args.names, args.domain, catalogue.SCORING_ENDPOINT
        record_name, ttl_s = component.child(name, catalogue.RECORD_SET.name), names.record_ttl_s
        address = [dns.ARecordArgs(ipv4_address=endpoint.ip)]
        alone = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        if not names.canonical_name:
            return domain.record_set(record_name, "A", names.fqdn, ttl_s, alone, a_records=address)
        canonical = domain.record_set(
            component.child(name, catalogue.CANONICAL_RECORD),
            "A",
            names.canonical_name,
            ttl_s,
            pulumi.ResourceOptions(parent=self),
            a_records=address,
        )
        alias = dns.CnameRecordArgs(cname=names.canonical_name)
        # a name that has a CNAME record has no other, so the one goes before the other comes (RFC 1034)
        alone = pulumi.ResourceOptions.merge(alone, pulumi.ResourceOptions(depends_on=canonical))
        return domain.record_set(record_name, "CNAME", names.fqdn, ttl_s, alone, cname_record=alias)
