"""A certificate chain and its private key, as the listeners take them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509


@dataclass(frozen=True)
class Pair:
    """A chain and its key.

    Attributes:
        chain: the chain, PEM, leaf first.
        key: its private key, PEM. A secret: it stays in memory.
        roots: PEM of the roots that callers must be given; None: they know the authority, or it is
            localcloud's own CA, in `ca.pem`.
        notes: what a person should know of it all the same.
    """

    chain: bytes
    key: bytes = field(repr=False)
    roots: bytes | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own certificate."""
        return x509.load_pem_x509_certificate(self.chain)

    @property
    def expires(self) -> datetime:
        """The last moment at which it is valid (UTC)."""
        return self.leaf.not_valid_after_utc
