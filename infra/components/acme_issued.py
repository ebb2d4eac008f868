"""A certificate from an authority that speaks ACME: an account, and what is issued to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra import catalogue
from infra.components.server_certificate import ServerCertificate
from infra.providers.acme_account import AcmeAccount, AcmeAccountArgs
from infra.providers.acme_certificate import AcmeCertificate, AcmeCertificateArgs
from infra.settings import naming
from infra.settings.acme import AcmeSettings
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings


@dataclass(frozen=True)
class AcmeIssuedArgs:
    """Inputs of a certificate that is issued by ACME.

    Attributes:
        authority: who issues it.
        roots: the authority's roots where it is a private one, PEM; empty: callers' systems know them.
        certificate: its generation, and how many days a chain must have left.
        domain: the name, and the zone in which it is proved.
        zone_id: the zone's resource ID; `name_servers`: `host:port` of its servers.
    """

    authority: AcmeSettings
    roots: str
    certificate: CertificateSettings
    domain: DomainSettings
    zone_id: pulumi.Input[str]
    name_servers: pulumi.Input[Sequence[str]]


class AcmeIssued(pulumi.ComponentResource):
    """An account, and a certificate for the FQDN, which is proved in the zone."""

    def __init__(self, name: str, args: AcmeIssuedArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(catalogue.ACME_ISSUED.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        authority, domain = args.authority, args.domain
        account = AcmeAccount(
            catalogue.ACME_ACCOUNT.name,
            AcmeAccountArgs(
                directory=authority.directory,
                email=authority.email,
                eab_key_id=authority.eab_key_id,
                eab_hmac_key=authority.eab_hmac_key,
                roots=args.roots,
                timeout_s=authority.timeout_s,
            ),
            inside,
        )
        leaf = AcmeCertificate(
            catalogue.ACME_CERTIFICATE.name,
            AcmeCertificateArgs(
                fqdn=domain.fqdn,
                profile=authority.profile,
                directory=authority.directory,
                # the id, for it stays known in a preview that changes the account
                account=account.id,
                key_of_account=account.key,
                roots=args.roots,
                zone=domain.zone,
                zone_id=args.zone_id,
                name_servers=args.name_servers,
                # keeps the proofs in the zone apart from those of others
                owner=naming.suffixed("acme", pulumi.get_project(), pulumi.get_stack()),
                minimum_days=args.certificate.minimum_days,
                generation=args.certificate.generation,
                timeout_s=authority.timeout_s,
                caa_issuers=domain.caa_issuers or None,
                # of a zone that is served where its parents do not say, nobody is asked what is above it
                resolvers=domain.resolvers or (None if domain.name_servers else ()),
            ),
            inside,
        )
        self.certificate = ServerCertificate(
            leaf.certificate, leaf.key, leaf.fingerprint, leaf.not_after, args.roots
        )
        self.register_outputs({"fingerprint": leaf.fingerprint, "not_after": leaf.not_after})
