"""Descriptions of certificates, for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from certs.bundle import fingerprint_sha256
from certs.chain import dns_names, is_authority, is_self_signed
from certs.findings import printable
from certs.keys import kind_of
from certs.renewal import days_left, due_at


@dataclass(frozen=True)
class Description:
    """A certificate in words. Moments are UTC; `days_left` is the one field that changes by itself."""

    subject: str
    issuer: str
    dns_names: tuple[str, ...]
    serial_number: str
    fingerprint_sha256: str
    key: str
    is_authority: bool
    is_self_signed: bool
    not_before: datetime
    not_after: datetime
    renewal_due_at: datetime
    days_left: int

    def to_dict(self) -> dict[str, object]:
        """JSON-ready fields; moments as RFC 3339 in UTC, such as `2026-03-15T00:00:00Z`."""
        return {
            name: value.strftime("%Y-%m-%dT%H:%M:%SZ")
            if isinstance(value, datetime)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in vars(self).items()
        }


def describe(certificate: x509.Certificate, now: datetime) -> Description:
    """`certificate` in words, at `now` (with a time zone)."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Description(
        subject=printable(certificate.subject.rfc4514_string()),
        issuer=printable(certificate.issuer.rfc4514_string()),
        dns_names=tuple(printable(name, 253) for name in dns_names(certificate)),
        serial_number=f"{certificate.serial_number:x}",
        fingerprint_sha256=fingerprint_sha256(certificate),
        key=kind_of(certificate),
        is_authority=is_authority(certificate),
        is_self_signed=is_self_signed(certificate),
        not_before=begin,
        not_after=end,
        renewal_due_at=due_at(begin, end),
        days_left=days_left(end, now),
    )
