"""The one tenant of a localcloud, its subscription, and the client that owns it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from localcloud.access import principals
from localcloud.access.roles import OWNER
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.identity import credentials
from localcloud.settings import CLIENT_SECRET, DATABASE

DEFAULT_PROVIDERS = (
    "microsoft.machinelearningmodelmanagement",
    "microsoft.network",
    "microsoft.resources",
    "microsoft.storage",
)
"""Registered in a new subscription."""


@dataclass(frozen=True)
class Tenant:
    """The tenant and the client that owns it from the start. IDs are UUIDs in lower case."""

    tenant_id: str
    subscription_id: str
    client_id: str


def load_or_make(store: Store, data: Path) -> Tenant:
    """The tenant of a data folder; made at first start, with the client's first credentials.

    Raises:
        StartError: the tenant is gone and its secret is still there.
    """
    with store.read() as db:
        row = db.execute("SELECT * FROM tenant").fetchone()
    if row is None:
        if (data / CLIENT_SECRET).exists():  # it is written after the tenant is in the database
            raise StartError(
                f"{data / CLIENT_SECRET} is the secret of a tenant that {data / DATABASE} has lost: "
                "put that database back, or start with a new --data folder."
            )
        with store.write() as db:
            subscription_id, client_id = str(uuid.uuid4()), str(uuid.uuid4())
            db.execute(
                "INSERT INTO tenant VALUES (1, ?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), subscription_id, client_id, *credentials.new(store.vault)),
            )
            principals.add(db, principals.OWNER_NAME, client_id)
            principals.owner_secret_made(db)
            principals.assign(db, client_id, OWNER, f"/subscriptions/{subscription_id}", client_id)
            db.executemany(
                "INSERT INTO provider_registrations VALUES (?, ?)",
                [(subscription_id, namespace) for namespace in DEFAULT_PROVIDERS],
            )
            row = db.execute("SELECT * FROM tenant").fetchone()
    return Tenant(row["tenant_id"], row["subscription_id"], row["client_id"])
