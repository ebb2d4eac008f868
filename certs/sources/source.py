"""Where a chain and key come from: one interface for all sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from certs.bundle import Reading


@dataclass(frozen=True)
class Obtained:
    """What a source gave: the chain and key as they were read, and the root that callers need, where it is
    known.

    ``root_pem`` is None where callers hold the root already (a public authority), or where nobody said.
    """

    reading: Reading
    root_pem: str | None


class CertificateSource(Protocol):
    """A source of certificates: files, a development authority, a PFX container, ACME, a key vault."""

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:
        """The chain and key for ``dns_names`` (the first is the service's FQDN) at ``now`` (with a time
        zone).

        A source that keeps certificates (files, a vault) gives what it has, whatever its names;
        ``certs.checks`` judges. One that issues them (an authority, ACME) issues one for these names. What is
        wrong with a text is in the reading's findings; raised is :class:`certs.errors.CertificateError` where
        nothing could be issued.
        """
        ...
