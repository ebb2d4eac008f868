"""A development authority, and what it issues."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra import catalogue
from infra.components.server_certificate import ServerCertificate
from infra.providers.certificate import Certificate, CertificateArgs
from infra.providers.development_ca import DevelopmentCa, DevelopmentCaArgs


class SelfSigned(pulumi.ComponentResource):
    """A development authority, whose root all callers of its certificates hold, and these certificates.

    Attributes:
        root: the root that callers need, PEM.
    """

    root: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(catalogue.SELF_SIGNED.token, name, None, opts)
        stack = f"{pulumi.get_project()} {pulumi.get_stack()}"
        # callers hold the root: it goes on under the name that it has, whatever becomes of the stack's
        self._ca = DevelopmentCa(
            catalogue.SELF_SIGNED.child(name, catalogue.DEVELOPMENT_CA.name),
            DevelopmentCaArgs(f"{stack} development CA"[:64]),
            pulumi.ResourceOptions(parent=self, ignore_changes=["common_name"]),
        )
        self.root = self._ca.certificate
        self.register_outputs({})

    def issue(
        self,
        name: str,
        fqdn: str,
        generation: int = 1,
        opts: pulumi.ResourceOptions | None = None,
        more: Sequence[str] = (),
    ) -> ServerCertificate:
        """Declares a certificate.

        Args:
            name: its logical name.
            fqdn: the name that it is for.
            generation: raised by one, and it is issued anew.
            more: names that it is for beside that.
        """
        ca = self._ca
        leaf = Certificate(
            name,
            CertificateArgs(fqdn, ca.certificate, ca.key, generation, sorted(more) or None),
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), opts),
        )
        return ServerCertificate(leaf.certificate, leaf.key, leaf.fingerprint, leaf.not_after, self.root)
