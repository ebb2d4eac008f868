"""The document's second step: a certificate with its chain of trust, and its key.

Where it comes from is the stack's choice; what comes out is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra import catalogue
from infra.inputs.provided_certificate import ProvidedCertificate
from infra.providers.certificate import Certificate, CertificateArgs
from infra.providers.development_ca import DevelopmentCa, DevelopmentCaArgs


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate as the graph hands it on: to the service, and to its callers.

    Attributes:
        chain: leaf first, PEM.
        key: the leaf's private key, PEM; a secret.
        fingerprint: SHA-256 of the leaf, `AB:CD:…`.
        not_after: its last moment (RFC 3339, UTC).
        root: the root that callers need, PEM; empty where their systems know it.
    """

    chain: pulumi.Input[str]
    key: pulumi.Output[str]
    fingerprint: pulumi.Input[str]
    not_after: pulumi.Input[str]
    root: pulumi.Input[str]

    @classmethod
    def brought(cls, provided: ProvidedCertificate) -> ServerCertificate:
        """The certificate that the stack's owner brings; its key is a secret from here on."""
        key = pulumi.Output.secret(provided.key)
        return cls(provided.chain, key, provided.fingerprint, provided.not_after, provided.root)


class SelfSigned(pulumi.ComponentResource):
    """A development authority, and a certificate that it issues for the FQDN; anew with each `generation`."""

    def __init__(
        self, name: str, fqdn: str, generation: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(catalogue.SELF_SIGNED.token, name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        stack = f"{pulumi.get_project()} {pulumi.get_stack()}"
        # callers hold the root: it goes on under the name that it has, whatever becomes of the stack's
        ca = DevelopmentCa(
            catalogue.DEVELOPMENT_CA.name,
            DevelopmentCaArgs(f"{stack} development CA"[:64]),
            pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(ignore_changes=["common_name"])),
        )
        leaf = Certificate(
            catalogue.CERTIFICATE.name, CertificateArgs(fqdn, ca.certificate, ca.key, generation), inside
        )
        self.certificate = ServerCertificate(
            leaf.certificate, leaf.key, leaf.fingerprint, leaf.not_after, ca.certificate
        )
        self.register_outputs({"fingerprint": leaf.fingerprint, "not_after": leaf.not_after})
