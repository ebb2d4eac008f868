"""Certificates from an authority that speaks ACME: an account there, and what is issued to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra import catalogue
from infra.components.domain import Domain
from infra.components.server_certificate import ServerCertificate
from infra.providers.acme_account import AcmeAccount, AcmeAccountArgs
from infra.providers.acme_certificate import AcmeCertificate, AcmeCertificateArgs
from infra.settings import naming
from infra.settings.acme import AcmeSettings
from infra.settings.domain import DomainSettings


@dataclass(frozen=True)
class AcmeIssuedArgs:
    """Inputs of an account with an authority that speaks ACME.

    Attributes:
        authority: who issues.
        roots: the authority's roots where it is a private one, PEM; empty: callers' systems know them.
    """

    authority: AcmeSettings
    roots: str


@dataclass(frozen=True)
class AcmeOrder:
    """A certificate that is wanted.

    Attributes:
        names: the FQDN that it is for, and where its zone is asked for.
        more: names that it is for beside that, in the same order.
        domain: the zone in which all of them are proved.
        minimum_days: how many days a chain must have left.
        generation: raised by one, and it is issued anew.
        profile: the authority's name for a kind of certificate; empty: its default.
        timeout_s: how long the order may take, in seconds.
    """

    names: DomainSettings
    more: Sequence[str]
    domain: Domain
    minimum_days: int
    generation: int
    profile: str
    timeout_s: int


class AcmeIssued(pulumi.ComponentResource):
    """An account with an authority, and the certificates that it issues for names proved in their zone."""

    def __init__(self, name: str, args: AcmeIssuedArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(catalogue.ACME_ISSUED.token, name, None, opts)
        self._args = args
        authority = args.authority
        self._account = AcmeAccount(
            catalogue.ACME_ISSUED.child(name, catalogue.ACME_ACCOUNT.name),
            AcmeAccountArgs(
                directory=authority.directory,
                email=authority.email,
                eab_key_id=authority.eab_key_id,
                eab_hmac_key=authority.eab_hmac_key,
                roots=args.roots,
                timeout_s=authority.timeout_s,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def issue(
        self, name: str, order: AcmeOrder, opts: pulumi.ResourceOptions | None = None
    ) -> ServerCertificate:
        """Declares a certificate.

        Args:
            name: its logical name.
        """
        names, roots = order.names, self._args.roots
        leaf = AcmeCertificate(
            name,
            AcmeCertificateArgs(
                fqdn=names.fqdn,
                profile=order.profile,
                directory=self._args.authority.directory,
                # the id, for it stays known in a preview that changes the account
                account=self._account.id,
                key_of_account=self._account.key,
                roots=roots,
                zone=names.zone,
                zone_id=order.domain.zone_id,
                name_servers=order.domain.name_servers,
                owner=_owner(name),
                minimum_days=order.minimum_days,
                generation=order.generation,
                timeout_s=order.timeout_s,
                caa_issuers=names.caa_issuers or None,
                # of a zone that is served where its parents do not say, nobody is asked what is above it
                resolvers=names.resolvers or (None if names.name_servers else ()),
                names=sorted(order.more) or None,
            ),
            # the authority looks at the CAA records first
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(parent=self, depends_on=list(order.domain.permission)), opts
            ),
        )
        return ServerCertificate(leaf.certificate, leaf.key, leaf.fingerprint, leaf.not_after, roots)


def _owner(name: str) -> str:
    """Keeps the proofs in the zone apart from those of others, and of the stack's other certificates: a name
    and the wildcard below it are proved at one place.
    """
    apart = () if name == catalogue.ACME_CERTIFICATE.name else (name,)
    return naming.suffixed("acme", pulumi.get_project(), pulumi.get_stack(), *apart)
