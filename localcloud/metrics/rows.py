"""The part of the metrics that the database knows: services, certificates, operations."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter
from dataclasses import dataclass

from localcloud.scoring import certificate_text

Labels = tuple[str, str, str]
"""Resource group, account and name of a service."""


@dataclass(frozen=True)
class Rows:
    """The rows of the database at one moment.

    Attributes:
        services: their labels, by their IDs.
        states: services by state.
        expiries: ends of services' certificates, in seconds since 1970, by the services' IDs; not of those
            whose certificate cannot be read that far.
        operations: operations by action and state.
        queue_length: operations that have not ended.
        oldest_age_s: time since the first of these was accepted, in seconds; 0 where there are none.
        storage_accounts: names.
    """

    services: dict[str, Labels]
    states: dict[str, int]
    expiries: dict[str, float]
    operations: dict[tuple[str, str], int]
    queue_length: int
    oldest_age_s: float
    storage_accounts: frozenset[str]


def read(db: sqlite3.Connection, now: dt.datetime) -> Rows:
    """The rows as they are `now`."""
    found = db.execute(
        "SELECT services.id, services.name, services.state, services.certificate,"
        " resources.name AS account, resource_groups.name AS in_group FROM services"
        " JOIN resources ON resources.id = services.account_id"
        " JOIN resource_groups ON resource_groups.id = resources.group_id"
    ).fetchall()
    expiries = {row["id"]: _expiry(row["certificate"]) for row in found if row["certificate"]}
    length, oldest = db.execute(
        "SELECT count(*), min(created_on) FROM operations WHERE finished_on IS NULL"
    ).fetchone()
    counted = db.execute("SELECT action, state, count(*) AS number FROM operations GROUP BY action, state")
    accounts = db.execute(
        "SELECT name FROM resources WHERE type = 'microsoft.storage/storageaccounts'"
    ).fetchall()
    return Rows(
        services={row["id"]: (row["in_group"], row["account"], row["name"]) for row in found},
        states=Counter(row["state"] for row in found),
        expiries={id: expiry for id, expiry in expiries.items() if expiry is not None},
        operations={(row["action"], row["state"]): row["number"] for row in counted},
        queue_length=length,
        # a clock that was set back makes nothing younger than nought
        oldest_age_s=max(0.0, (now - dt.datetime.fromisoformat(oldest)).total_seconds()) if oldest else 0.0,
        storage_accounts=frozenset(row["name"] for row in accounts),
    )


def _expiry(certificate: str) -> float | None:
    try:
        return certificate_text.expiry(certificate_text.read_chain(certificate)).timestamp()
    except (ValueError, OverflowError):
        return None
