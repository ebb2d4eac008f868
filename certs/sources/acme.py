"""The source `acme`: certificates that an authority issues by RFC 8555, names proved by DNS-01."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from certs.acme import order
from certs.acme.order import Dns01
from certs.acme.session import Session
from certs.bundle import read
from certs.findings import Origin
from certs.keys import encode_private
from certs.sources.source import Obtained


class Permission(Protocol):
    """The permission to issue that the names' CAA records give (RFC 8659)."""

    def require(self, dns_name: str, identities: Sequence[str]) -> None:
        """Returns if an authority with these names (RFC 8555, 7.1.1: `caaIdentities`) may issue for
        `dns_name`; raises where it may not.
        """


@dataclass(frozen=True)
class AcmeSource:
    """A source that issues a new certificate, with a new P-256 key, at each call.

    Attributes:
        session: signed in to an account.
        roots_pem: the roots of a private authority.
        replaces: the identifier of the certificate that the new one follows (RFC 9773, 5).
        caa: asked before the authority, where that tells its names, for a refusal there counts against its
            rate limits.
    """

    session: Session
    dns: Dns01
    profile: str | None = None
    roots_pem: str | None = None
    replaces: str | None = None
    caa: Permission | None = None

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:  # noqa: ARG002  (the authority's clock counts)
        """A new chain and key for `dns_names`, by one order. What a run that died has left in the zone is
        removed first.

        Raises:
            certs.errors.AcmeError: the authority refuses, or the time is over.
            Exception: what `dns` and `caa` raise.
        """
        order.clean_up(self.dns, dict.fromkeys(order.challenge_name(name) for name in dns_names))
        identities = self.session.meta("caa_identities")
        if self.caa is not None and identities:
            for name in dns_names:
                self.caa.require(name, [str(one) for one in identities])
        placed = order.place(self.session, dns_names, self.profile, self.replaces)
        order.prove(self.session, placed, self.dns)
        key_pem = encode_private(ec.generate_private_key(ec.SECP256R1()))
        chain = order.finalize(self.session, placed, key_pem, dns_names)
        origin = Origin(f"certificate that {self.session.url} issued", "chain.pem")
        reading = read(chain, key_pem, certificate_origin=origin, key_origin=Origin("its key", "key.pem"))
        return Obtained(reading, self.roots_pem)
