"""Addresses of services: persisted beside the services, freed with them."""

from __future__ import annotations

import secrets
import sqlite3

from localcloud.scoring.addresses import AddressPool, Endpoint


def allocate(db: sqlite3.Connection, pool: AddressPool) -> Endpoint:
    """The next address that no service has and that can be bound.

    The search begins behind the last one that was handed out; the very first at random, so that two
    localclouds on one machine seldom meet.

    Raises:
        BindError: there is none.
    """
    row = db.execute("SELECT start FROM address_pool").fetchone()
    start = 0 if pool.begins else row["start"] if row else secrets.randbelow(pool.size)
    taken = [
        (service["address"], service["port"])
        for service in db.execute("SELECT address, port FROM services WHERE address IS NOT NULL")
    ]
    endpoint, following = pool.choose(taken, start)
    db.execute("INSERT OR REPLACE INTO address_pool (only, start) VALUES (1, ?)", (following,))
    return endpoint
