"""The document's second step: a certificate with its chain of trust, and its key.

Where it comes from is the stack's choice; what comes out is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.inputs.provided_certificate import ProvidedCertificate


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
