"""Sources of a chain and key: one interface for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from certs.bundle import Reading


@dataclass(frozen=True)
class Obtained:
    """The chain and key that a source gave, as they were read.

    Attributes:
        root_pem: the root that callers need; None where they hold it already (a public authority), or where
            nobody said.
    """

    reading: Reading
    root_pem: str | None


class CertificateSource(Protocol):
    """A source of certificates: files, a development authority, a PFX container, ACME, a key vault."""

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:
        """The chain and key for `dns_names` (the first is the service's FQDN) at `now` (with a time zone).

        A source that keeps certificates (files, a vault) gives what it has, whatever its names;
        `certs.checks` judges. One that issues them (an authority, ACME) issues one for these names. What is
        wrong with a text is in the reading's findings.

        Raises:
            certs.errors.CertificateError: nothing could be issued.
        """
        ...
