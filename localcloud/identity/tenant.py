"""The one tenant of a localcloud, its subscription, its client and its signing key."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.datafolder.aside import Aside
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.files import write_private
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
    """The tenant and its one client. IDs are UUIDs in lower case."""

    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str = field(repr=False)
    signing_key: rsa.RSAPrivateKey = field(repr=False)


def load_or_make(store: Store, data: Path) -> Tenant:
    """The tenant of a data folder; made at first start. Its secret is also in `client-secret`, 0600.

    Raises:
        StartError: the kept signing key is damaged, or the tenant is gone and its secret is still there.
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
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            subscription_id = str(uuid.uuid4())
            db.execute(
                "INSERT INTO tenant VALUES (1, ?, ?, ?, ?, ?)",
                (
                    str(uuid.uuid4()),
                    subscription_id,
                    str(uuid.uuid4()),
                    secrets.token_urlsafe(30),
                    pem.decode(),
                ),
            )
            db.executemany(
                "INSERT INTO provider_registrations VALUES (?, ?)",
                [(subscription_id, namespace) for namespace in DEFAULT_PROVIDERS],
            )
            row = db.execute("SELECT * FROM tenant").fetchone()
    try:
        signing_key = serialization.load_pem_private_key(row["signing_key"].encode(), None)
    except ValueError:
        raise StartError(f"The signing key in {data} is damaged: start with a new --data folder.") from None
    if not isinstance(signing_key, rsa.RSAPrivateKey):
        raise StartError(f"The signing key in {data} is no RSA key: start with a new --data folder.")
    _keep_secret_file(data, row["client_secret"])
    return Tenant(
        row["tenant_id"], row["subscription_id"], row["client_id"], row["client_secret"], signing_key
    )


def _keep_secret_file(data: Path, secret: str) -> None:
    path = data / CLIENT_SECRET
    if path.exists() and path.read_bytes() != secret.encode():
        Aside(data).move(path)
    if not path.exists() or path.stat().st_mode & 0o777 != 0o600:
        write_private(path, secret.encode())
