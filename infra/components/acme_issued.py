"""A certificate from an authority that speaks ACME: an account, and what is issued to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from infra import catalogue
from infra.components.server_certificate import ServerCertificate
from infra.providers.acme_account import AcmeAccount, AcmeAccountArgs
from infra.providers.acme_certificate import AcmeCertificate, AcmeCertificateArgs


@dataclass(frozen=True)
class AcmeArgs:
    """What a stack's configuration says of its authority (see `infra.settings.acme`).

    Attributes:
        roots: the roots of a private authority, PEM; empty: callers' systems know them.
        owner: under which name the proofs in the zone are kept apart from those of others.
        minimum_days: a chain with fewer days left is refused.
        generation: raised by one, and the certificate is issued anew.
        timeout_s: how long one order may take.
    """

    directory: str
    email: str
    profile: str
    eab_key_id: str
    eab_hmac_key: str = field(repr=False)
    roots: str
    owner: str
    minimum_days: int
    generation: int
    timeout_s: int


@dataclass(frozen=True)
class ProofZone:
    """The zone in which the name is proved.

    Attributes:
        name_servers: `host:port` of its servers.
        caa_issuers: who may issue for its names, as the graph declares it; empty: it declares nothing.
        resolvers: `ADDRESS[:PORT]` of those that are asked for CAA records above the zone; empty: the
            system's; None: nobody is.
    """

    name: str
    id: pulumi.Input[str]
    name_servers: pulumi.Input[Sequence[str]]
    caa_issuers: Sequence[str]
    resolvers: Sequence[str] | None


class AcmeIssued(pulumi.ComponentResource):
    """An account, and a certificate for the FQDN, which is proved in the zone."""

    def __init__(
        self,
        name: str,
        args: AcmeArgs,
        fqdn: str,
        zone: ProofZone,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(catalogue.ACME_ISSUED.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        account = AcmeAccount(
            catalogue.ACME_ACCOUNT.name,
            AcmeAccountArgs(
                directory=args.directory,
                email=args.email,
                eab_key_id=args.eab_key_id,
                eab_hmac_key=args.eab_hmac_key,
                roots=args.roots,
                timeout_s=args.timeout_s,
            ),
            inside,
        )
        leaf = AcmeCertificate(
            catalogue.ACME_CERTIFICATE.name,
            AcmeCertificateArgs(
                fqdn=fqdn,
                profile=args.profile,
                directory=args.directory,
                # the id, for it stays known in a preview that changes the account
                account=account.id,
                key_of_account=account.key,
                roots=args.roots,
                zone=zone.name,
                zone_id=zone.id,
                name_servers=zone.name_servers,
                owner=args.owner,
                minimum_days=args.minimum_days,
                generation=args.generation,
                timeout_s=args.timeout_s,
                caa_issuers=zone.caa_issuers or None,
                resolvers=zone.resolvers,
            ),
            inside,
        )
        self.certificate = ServerCertificate(
            leaf.certificate, leaf.key, leaf.fingerprint, leaf.not_after, args.roots
        )
        self.register_outputs({"fingerprint": leaf.fingerprint, "not_after": leaf.not_after})
