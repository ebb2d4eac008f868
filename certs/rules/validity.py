"""Rules of validity: a certificate is valid now, and for long enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509

from certs.findings import Finding, error, warning
from certs.renewal import days_left, due_at, is_due

_CURRENT = (
    "Put the authority's current certificate in its place. Where callers hold the authority as a root, "
    "leave this one out, or name that root: the one without fault is sent then."
)
_MOMENT = "%Y-%m-%d %H:%M:%S UTC"


def check_dates(
    certificate: x509.Certificate, subject: str, now: datetime, *, is_authority: bool = False
) -> Iterator[Finding]:
    """Findings about `certificate` at `now`: not valid yet, or no longer."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        message = f"is not valid before {begin.strftime(_MOMENT)}; it is {now.strftime(_MOMENT)}."
        yield error(
            "not-yet-valid", subject, message, "Wait until then, set the clock right, or use another one."
        )
    elif now > end:
        message = f"expired on {end.strftime(_MOMENT)}; it is {now.strftime(_MOMENT)}."
        yield error("expired", subject, message, _CURRENT if is_authority else "Renew it.")


def check_remaining(
    leaf: x509.Certificate, subject: str, now: datetime, minimum_days: int
) -> Iterator[Finding]:
    """Findings about the time that a valid `leaf` has left: less than `minimum_days`, or due for
    renewal.
    """
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not begin <= now <= end:
        return
    left = days_left(end, now)
    if left < minimum_days:
        message = (
            f"expires on {end.strftime(_MOMENT)}, in {left} days; at least {minimum_days} are asked for."
        )
        yield error("expires-soon", subject, message, "Renew it.")
    elif is_due(begin, end, now):
        due = due_at(begin, end).strftime(_MOMENT)
        message = f"is due for renewal since {due} (two thirds of its life); {left} days are left."
        yield warning("renewal-due", subject, message, "Renew it.")
