"""The long-running operations as the page shows them to a principal."""

from __future__ import annotations

import datetime as dt
import sqlite3
from dataclasses import dataclass
from typing import Final

from localcloud.arm import accounts, resources
from localcloud.modelmanagement import operations, services
from localcloud.modelmanagement.operations import Operation
from localcloud.portal import sight as sights
from localcloud.portal.services import account_names
from localcloud.portal.sight import Sight

MOST: Final = 100
"""Most operations that are shown."""


@dataclass(frozen=True)
class ShownOperation:
    """An operation.

    Attributes:
        service: the service's name; empty: it is gone.
        took_s: seconds from its acceptance to its end; None: it goes on.
        trouble: why it failed; empty: it did not.
    """

    account: str
    service: str
    service_id: str
    action: str
    state: str
    created_on: str
    took_s: float | None
    trouble: str


def listing(db: sqlite3.Connection, sight: Sight) -> list[ShownOperation]:
    """The last operations of the accounts that a principal may see, the newest first."""
    found: list[tuple[Operation, str]] = []
    for resource in resources.listing(db, type=accounts.TYPE):
        names = account_names(resource)
        found += [
            (one, names["account"])
            for one in operations.latest(db, resource.id, MOST)
            if sight.may_get(sights.OPERATION, **names, id=one.id)
        ]
    found.sort(key=lambda one: one[0].sequence, reverse=True)
    return [_shown(db, one, account) for one, account in found[:MOST]]


def _shown(db: sqlite3.Connection, one: Operation, account: str) -> ShownOperation:
    service = services.find(db, one.service_id)
    took_s = None
    if one.finished_on is not None:
        took = dt.datetime.fromisoformat(one.finished_on) - dt.datetime.fromisoformat(one.created_on)
        took_s = took.total_seconds()
    return ShownOperation(
        account=account,
        service="" if service is None else service.name,
        service_id=one.service_id,
        action=one.action,
        state=one.state,
        created_on=one.created_on,
        took_s=took_s,
        trouble="" if one.error is None else str(one.error.get("message", "")),
    )
