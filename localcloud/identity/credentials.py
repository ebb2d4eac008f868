"""The client's secret and the key that signs tokens, and those of before, as long as they open.

A rotation makes both anew. What was before opens until the last token of before is over, and no token that it
is given lives longer: then nothing of before opens any more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import secrets
import sqlite3
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.access import principals
from localcloud.datafolder.store import Store
from localcloud.datafolder.vault import Place, Vault
from localcloud.errors import StartError

TOKEN_LIFE_S = 3599  # Azure's default
OVERLAP_S = TOKEN_LIFE_S + 1
"""How long a rotation leaves what was before."""
_SECRET = Place("tenant", "client_secret", "1")
_KEY = Place("tenant", "signing_key", "1")


@dataclass(frozen=True)
class Previous:
    """What a rotation took the place of.

    Attributes:
        secret_digest: SHA-256 of the client's secret, hexadecimal.
        key: verifies the tokens of before.
        until: the time at which both end, in seconds since the epoch.
    """

    secret_digest: str = field(repr=False)
    key: rsa.RSAPublicKey
    until: float


@dataclass(frozen=True)
class Credentials:
    """The secret by which the client signs in, and the key that signs its tokens."""

    client_secret: str = field(repr=False)
    signing_key: rsa.RSAPrivateKey = field(repr=False)
    previous: tuple[Previous, ...] = ()

    @cached_property
    def key_id(self) -> str:
        """The ID of the key that signs, as tokens and the published keys have it."""
        return key_id(self.signing_key.public_key())

    def opens_until(self, secret: str) -> float | None:
        """The time until which a secret opens, in seconds since the epoch; infinite: it is the newest.

        None: it does not open.
        """
        found = math.inf if hmac.compare_digest(secret.encode(), self.client_secret.encode()) else None
        digest = _digest(secret)
        for one in self._in_force():
            # Each is compared, whichever fits: the time says nothing about them.
            if hmac.compare_digest(digest, one.secret_digest) and found is None:
                found = one.until
        return found

    def keys(self) -> dict[str, rsa.RSAPublicKey]:
        """The keys that verify tokens now, by their IDs: the newest first."""
        before = {key_id(one.key): one.key for one in self._in_force()}
        return {self.key_id: self.signing_key.public_key()} | before

    def _in_force(self) -> list[Previous]:
        now = time.time()
        return [one for one in self.previous if now < one.until]


def key_id(key: rsa.RSAPublicKey) -> str:
    """The ID of a key: the SHA-256 of its DER form, in base64url."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def new(vault: Vault) -> tuple[str, str]:
    """A new secret, and a new signing key as PKCS8 PEM, as they are to be written."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return vault.seal(_SECRET, secrets.token_urlsafe(30)), vault.seal(_KEY, pem.decode())


def load(store: Store, data: Path) -> Credentials:
    """The credentials of a data folder.

    Raises:
        StartError: a key is damaged.
    """
    with store.read() as db:
        row = db.execute("SELECT client_secret, signing_key FROM tenant").fetchone()
        client_secret = store.vault.unseal(_SECRET, row["client_secret"])
        signing_pem = store.vault.unseal(_KEY, row["signing_key"])
        before = db.execute("SELECT * FROM previous_sign_ins WHERE until > ?", (int(time.time()),)).fetchall()
    try:
        signing_key = serialization.load_pem_private_key(signing_pem.encode(), None)
        previous = [(one, serialization.load_pem_public_key(one["public_key"].encode())) for one in before]
    except ValueError:
        raise StartError(f"The signing key in {data} is damaged: start with a new --data folder.") from None
    if not isinstance(signing_key, rsa.RSAPrivateKey):
        raise StartError(f"The signing key in {data} is no RSA key: start with a new --data folder.")
    return Credentials(
        client_secret,
        signing_key,
        tuple(
            Previous(one["secret_digest"], key, one["until"])
            for one, key in previous
            if isinstance(key, rsa.RSAPublicKey)
        ),
    )


def rotate(store: Store, data: Path, *, at_once: bool) -> float:
    """Makes secret and signing key anew, in one transaction; who serves them takes them by `load`.

    Args:
        at_once: whether nothing of before opens any more, or for `OVERLAP_S` seconds.

    Returns:
        The time until which what was before opens, in seconds since the epoch.
    """
    before = load(store, data)
    public = before.signing_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    secret, key = new(store.vault)
    now = int(time.time())
    with store.write() as db:
        _forget(db, math.inf if at_once else now)
        if not at_once:
            db.execute(
                "INSERT INTO previous_sign_ins VALUES (?, ?, ?)",
                (_digest(before.client_secret), public.decode(), now + OVERLAP_S),
            )
        db.execute("UPDATE tenant SET client_secret = ?, signing_key = ?", (secret, key))
        principals.owner_secret_made(db)
    return now if at_once else now + OVERLAP_S


def _forget(db: sqlite3.Connection, until: float) -> None:
    db.execute("DELETE FROM previous_sign_ins WHERE until <= ?", (min(until, 2**62),))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
