"""A certificate from an authority that speaks ACME: an account, and what is issued to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from infra.components.server_certificate import ServerCertificate
from infra.providers.acme_account import AcmeAccount, AcmeAccountArgs
from infra.providers.acme_certificate import AcmeCertificate, AcmeCertificateArgs


@dataclass(frozen=True)
class AcmeArgs:
    """What a stack's configuration says of its authority (see `infra.acme_settings`).

    Attributes:
        roots: the roots of a private authority, PEM; empty: callers' systems know them.
        owner: under which name the proofs in the zone are kept apart from those of others.
        minimum_days: a chain with fewer days left is refused.
        generation: raised by one, and the certificate is issued anew.
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


class AcmeIssued(pulumi.ComponentResource):
    """An account, and a certificate for the FQDN, which is proved in the zone."""

    def __init__(
        self,
        name: str,
        args: AcmeArgs,
        fqdn: str,
        zone: str,
        zone_id: pulumi.Input[str],
        name_servers: pulumi.Input[Sequence[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("fpga:index:AcmeIssued", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        account = AcmeAccount(
            "acme-account",
            AcmeAccountArgs(
                directory=args.directory,
                email=args.email,
                eab_key_id=args.eab_key_id,
                eab_hmac_key=args.eab_hmac_key,
                roots=args.roots,
            ),
            inside,
        )
        leaf = AcmeCertificate(
            "certificate",
            AcmeCertificateArgs(
                fqdn=fqdn,
                profile=args.profile,
                directory=args.directory,
                # the id, for it stays known in a preview that changes the account
                account=account.id,
                key_of_account=account.key,
                roots=args.roots,
                zone=zone,
                zone_id=zone_id,
                name_servers=name_servers,
                owner=args.owner,
                minimum_days=args.minimum_days,
                generation=args.generation,
            ),
            inside,
        )
        self.certificate = ServerCertificate(
            leaf.certificate, leaf.key, leaf.fingerprint, leaf.not_after, args.roots
        )
        self.register_outputs({"fingerprint": leaf.fingerprint, "not_after": leaf.not_after})
