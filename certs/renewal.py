"""The time at which a certificate is to be renewed: pure arithmetic on its two dates.

Two thirds of the lifetime is what cert-manager uses; it leaves a third to notice that a renewal does not
succeed, whatever the lifetime (200, 100 or 47 days, or the 160 hours of short-lived ones).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Due:
    """The moment at which a renewal is due.

    Attributes:
        suggested: because the authority says so (RFC 9773), not two thirds of the lifetime.
    """

    at: datetime
    suggested: bool


def due(not_before: datetime, not_after: datetime, suggested: datetime | None) -> Due:
    """Two thirds of the lifetime, or the moment that the authority has `suggested`: whichever is first."""
    by_lifetime = due_at(not_before, not_after)
    if suggested is not None and suggested < by_lifetime:
        return Due(suggested, suggested=True)
    return Due(by_lifetime, suggested=False)


def due_at(not_before: datetime, not_after: datetime) -> datetime:
    """The moment at which two thirds of the lifetime are over."""
    return not_before + (not_after - not_before) * 2 / 3


def is_due(not_before: datetime, not_after: datetime, now: datetime) -> bool:
    """Whether a renewal is due at `now`."""
    return now >= due_at(not_before, not_after)


def days_left(not_after: datetime, now: datetime) -> int:
    """Whole days until `not_after`; negative from the first second after it."""
    return (not_after - now) // timedelta(days=1)
