"""Renewal information (RFC 9773): when the authority would like a certificate to be renewed.

It is advice: an authority that has none, is down or talks nonsense changes nothing, and two thirds of the
lifetime decide alone (`certs.renewal`).
"""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from certs.acme.session import Session
from certs.errors import AcmeError


@dataclass(frozen=True)
class Window:
    """The suggested window; both moments have a time zone."""

    start: datetime
    end: datetime

    def choose(self, kept: datetime | None, chance: Callable[[], float] = random.random) -> datetime:
        """A moment in the window, by chance (RFC 9773, 4.2); the one that was `kept` while it is in it.

        So that looking again changes nothing, as long as the authority does not change its mind.
        """
        if kept is not None and self.start <= kept <= self.end:
            return kept
        return self.start + (self.end - self.start) * chance()


def certificate_id(certificate: x509.Certificate) -> str | None:
    """The certificate's identifier (RFC 9773, 4.1): its authority's key identifier and its serial number;
    None without the former.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    if extension.key_identifier is None:
        return None
    serial = certificate.serial_number
    # as DER has it: one bit more, for the sign
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return f"{_encoded(extension.key_identifier)}.{_encoded(octets)}"


def suggested_window(session: Session, certificate: x509.Certificate) -> Window | None:
    """The window that the authority suggests; None where it suggests nothing that can be understood."""
    try:
        base, identifier = session.endpoint("renewalInfo"), certificate_id(certificate)
        if base is None or identifier is None:
            return None
        told = session.get(f"{base.rstrip('/')}/{identifier}").json()["suggestedWindow"]
        window = Window(datetime.fromisoformat(told["start"]), datetime.fromisoformat(told["end"]))
        # of two moments one without a time zone cannot be compared: a TypeError
        return window if window.start < window.end else None
    except (AcmeError, ValueError, KeyError, TypeError):
        return None


def _encoded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")
