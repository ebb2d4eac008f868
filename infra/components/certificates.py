"""The certificates of a stack's services: one development authority, one account for each ACME authority."""

from __future__ import annotations

import hashlib

import pulumi

from infra import catalogue
from infra.components import earlier
from infra.components.acme_issued import AcmeIssued, AcmeIssuedArgs, AcmeOrder
from infra.components.domain import Domain
from infra.components.self_signed import SelfSigned
from infra.components.server_certificate import ServerCertificate
from infra.inputs.provided_certificate import ProvidedCertificate
from infra.settings.acme import AcmeSettings
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings


class Certificates:
    """The sources of certificates, each declared with the first service that it issues for.

    Args:
        domain: the zone in which names are proved.
        common: the authority of the stack's own settings; None: they name none.
    """

    def __init__(self, domain: Domain, common: AcmeSettings | None) -> None:
        self._domain, self._common = domain, common
        self._development: SelfSigned | None = None
        self._authorities: dict[str, AcmeIssued] = {}

    def declare(
        self,
        name: str,
        settings: CertificateSettings,
        names: DomainSettings,
        provided: ProvidedCertificate | None,
        acme_roots: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> ServerCertificate | None:
        """A service's certificate, in the form that every source gives it; None: none is set, and SSL is off.

        Args:
            name: logical name of what is issued.
            names: the FQDN that it is for, in its zone.
            provided: what the stack's owner brings; None: nothing.
            acme_roots: the roots of a private authority that speaks ACME, PEM; empty: systems know them.
        """
        if settings.source == catalogue.CERTIFICATE.issues:
            if self._development is None:
                self._development = SelfSigned(catalogue.SELF_SIGNED.name)
            return self._development.issue(name, names.fqdn, settings.generation, opts, settings.names)
        if settings.acme is not None:
            order = AcmeOrder(
                names=names,
                more=settings.names,
                domain=self._domain,
                minimum_days=settings.minimum_days,
                generation=settings.generation,
                profile=settings.acme.profile,
                timeout_s=settings.acme.timeout_s,
            )
            return self._account(settings.acme, acme_roots).issue(name, order, opts)
        return ServerCertificate.brought(provided) if provided else None

    def _account(self, authority: AcmeSettings, roots: str) -> AcmeIssued:
        """The account with an authority, one for all services that are its same customer."""
        name = account_name(authority, self._common)
        if name not in self._authorities:
            opts = earlier.in_scoring_endpoint() if name == catalogue.ACME_ISSUED.name else None
            self._authorities[name] = AcmeIssued(name, AcmeIssuedArgs(authority, roots), opts)
        return self._authorities[name]


def account_name(authority: AcmeSettings, common: AcmeSettings | None) -> str:
    """The logical name of an account: the catalogue's for the customer that the stack's own settings are.

    Another's has a suffix of what makes the customer, and so is the same in whatever order services stand.
    """
    base = catalogue.ACME_ISSUED.name
    if common is not None and _customer(authority) == _customer(common):
        return base
    digest = hashlib.sha256("\n".join(_customer(authority)).encode()).hexdigest()
    return f"{base}-{digest[:8]}"


def _customer(authority: AcmeSettings) -> tuple[str, str, str]:
    return authority.directory, authority.email, authority.eab_key_id
