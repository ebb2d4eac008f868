"""The pace at which an authority is asked, with a clock that each pause moves on."""

from __future__ import annotations

import datetime as dt

from certs.acme.pace import Pace

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
LIMITED = "urn:ietf:params:acme:error:rateLimited"


def pace(deadline_s: float = 100.0) -> tuple[Pace, list[float]]:
    """One that begins at noon, and the pauses that are made."""
    pauses: list[float] = []
    return Pace(
        deadline_s, lambda: sum(pauses), pauses.append, lambda: NOON.timestamp() + sum(pauses)
    ), pauses
