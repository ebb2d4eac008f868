"""Principals, their roles, secrets and federated credentials: the rows behind who may do what.

A principal is an application that signs in. Its client ID is its object ID, too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import secrets
import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from localcloud.access import roles
from localcloud.access.roles import ROLES, Role

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OWNER_NAME: Final = "owner"
"""The name of the client that the folder was made with."""


@dataclass(frozen=True)
class Assignment:
    """A role that is given over a scope, a resource ID in lower case, to the principal of that client ID.

    Attributes:
        name: UUID in lower case.
        created_on: RFC 3339, UTC.
    """

    name: str
    scope: str
    role: Role
    client_id: str
    created_on: str


@dataclass(frozen=True)
class Principal:
    """An application that signs in, and what it may do.

    Attributes:
        client_id: UUID in lower case; its object ID, too.
        generation: of its tokens: those of another one open nothing.
    """

    client_id: str
    name: str
    generation: int
    assignments: tuple[Assignment, ...] = ()

    def may(self, action: str, scope: str) -> bool:
        """Whether one of its roles permits an action over a scope."""
        return any(roles.covers(one.scope, scope) and one.role.permits(action) for one in self.assignments)

    def may_below(self, action: str, scope: str) -> bool:
        """Whether one of its roles permits an action over anything below a scope."""
        return any(roles.covers(scope, one.scope) and one.role.permits(action) for one in self.assignments)


@dataclass(frozen=True)
class FederatedCredential:
    """A description of another issuer's tokens that are trusted, compared to the letter, as Entra ID does."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]


@dataclass(frozen=True)
class Secret:
    """A secret that opens. Times are seconds since the epoch.

    Attributes:
        made_on: None: it is older than this is known.
        until: None: it is the newest one, and does not end by itself.
    """

    made_on: int | None
    until: int | None


def now() -> str:
    """The time, RFC 3339, UTC, in milliseconds."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def version(db: sqlite3.Connection) -> int:
    """Another number after each change of what anybody may do."""
    found: int = db.execute("SELECT number FROM access_version").fetchone()["number"]
    return found


def everyone(db: sqlite3.Connection) -> list[Principal]:
    """All principals, by their names."""
    given: dict[str, list[Assignment]] = {}
    for one in assignments(db):
        given.setdefault(one.client_id, []).append(one)
    return [
        Principal(row["client_id"], row["name"], row["generation"], tuple(given.get(row["client_id"], ())))
        for row in db.execute("SELECT * FROM principals ORDER BY name")
    ]


def named(db: sqlite3.Connection, name: str) -> Principal | None:
    """The principal of a name, whatever its case, or of a client ID."""
    asked = name.lower()
    return next((one for one in everyone(db) if asked in (one.name.lower(), one.client_id)), None)


def of_client(db: sqlite3.Connection, client_id: str) -> Principal | None:
    """The principal of a client ID in lower case, without its roles."""
    row = db.execute("SELECT * FROM principals WHERE client_id = ?", (client_id,)).fetchone()
    return None if row is None else Principal(row["client_id"], row["name"], row["generation"])


def add(db: sqlite3.Connection, name: str, client_id: str | None = None) -> str:
    """Adds a principal without any role: its client ID, in lower case.

    Args:
        client_id: None: one that nobody has had.
    """
    # tokens of a principal that had the same ID, and was removed, are of an earlier generation
    generation = 0 if client_id is None else time.time_ns() // 1_000_000
    client_id = (client_id or str(uuid.uuid4())).lower()
    db.execute("INSERT INTO principals VALUES (?, ?, ?, ?)", (client_id, name, generation, now()))
    return client_id


def remove(db: sqlite3.Connection, client_id: str) -> None:
    """Removes a principal, its roles, secrets and federated credentials."""
    db.execute("DELETE FROM principals WHERE client_id = ?", (client_id,))


def assignments(db: sqlite3.Connection) -> list[Assignment]:
    """All roles that are given; one of a role that this version does not know gives nothing."""
    return [
        Assignment(row["name"], row["scope"], ROLES[row["role"]], row["client_id"], row["created_on"])
        for row in db.execute("SELECT * FROM role_assignments ORDER BY scope, name")
        if row["role"] in ROLES
    ]


def is_scope(db: sqlite3.Connection, scope: str) -> bool:
    """Whether a role can be given over that: the subscription, or a group or resource that is there."""
    asked = scope.lower().rstrip("/")
    subscription = db.execute("SELECT subscription_id FROM tenant").fetchone()["subscription_id"]
    if asked == f"/subscriptions/{subscription}".lower():
        return True
    query = "SELECT 1 FROM resource_groups WHERE id = :id UNION SELECT 1 FROM resources WHERE id = :id"
    return db.execute(query, {"id": asked}).fetchone() is not None


def assign(db: sqlite3.Connection, client_id: str, role: Role, scope: str, name: str | None = None) -> None:
    """Gives a role over a scope; once it is given there is nothing to do."""
    db.execute(
        "INSERT OR IGNORE INTO role_assignments VALUES (?, ?, ?, ?, ?)",
        (name or str(uuid.uuid4()), scope.lower().rstrip("/"), role.id, client_id, now()),
    )


def unassign(db: sqlite3.Connection, name: str) -> None:
    """Takes a role away, by the name of its assignment."""
    db.execute("DELETE FROM role_assignments WHERE name = ?", (name,))


def owner(db: sqlite3.Connection) -> str:
    """The client ID of the client that the folder was made with, in lower case."""
    found: str = db.execute("SELECT client_id FROM tenant").fetchone()["client_id"]
    return found.lower()


def stays(db: sqlite3.Connection, one: Assignment) -> bool:
    """Whether it is the role by which the client that the folder was made with is its owner: it stays."""
    return one.name == one.client_id == owner(db)


def new_secret(db: sqlite3.Connection, client_id: str, until: int) -> str:
    """Makes a principal's secret anew. Its digest alone is kept.

    Args:
        until: the time until which the one of before opens, in seconds since the epoch; one that is older
            still ends now. Past: that one ends now, too, and so do all tokens.
    """
    secret = secrets.token_urlsafe(30)
    seconds = int(time.time())
    db.execute("DELETE FROM principal_secrets WHERE client_id = ? AND until IS NOT NULL", (client_id,))
    if until > seconds:
        db.execute("UPDATE principal_secrets SET until = ? WHERE client_id = ?", (until, client_id))
    else:
        db.execute("DELETE FROM principal_secrets WHERE client_id = ?", (client_id,))
        end_tokens(db, client_id)
    db.execute("INSERT INTO principal_secrets VALUES (?, ?, NULL, ?)", (client_id, _digest(secret), seconds))
    return secret


def opens_until(db: sqlite3.Connection, client_id: str, secret: str) -> float | None:
    """The time until which a secret signs a principal in, in seconds since the epoch; infinite: it is the
    newest. None: it does not.
    """
    digest, found = _digest(secret), None
    rows = db.execute("SELECT digest, until FROM principal_secrets WHERE client_id = ?", (client_id,))
    for row in rows.fetchall():
        until = math.inf if row["until"] is None else float(row["until"])
        if hmac.compare_digest(digest, row["digest"]) and time.time() < until:
            found = until
    return found


def newest_digest(db: sqlite3.Connection, client_id: str) -> str | None:
    """The SHA-256 of a principal's newest secret, hexadecimal; None: it has none."""
    query = "SELECT digest FROM principal_secrets WHERE client_id = ? AND until IS NULL"
    row = db.execute(query, (client_id,)).fetchone()
    return None if row is None else str(row["digest"])


def secrets_of(db: sqlite3.Connection, client_id: str) -> list[Secret]:
    """A principal's secrets that open, the newest first."""
    rows = db.execute(
        "SELECT made_on, until FROM principal_secrets WHERE client_id = ? ORDER BY until", (client_id,)
    )
    return [Secret(**row) for row in rows if row["until"] is None or time.time() < row["until"]]


def used(db: sqlite3.Connection, client_id: str, seconds: int) -> None:
    """Keeps the time of a principal's last sign-in, in seconds since the epoch, as long as it is there."""
    db.execute(
        "INSERT INTO principal_uses SELECT client_id, ?, NULL FROM principals WHERE client_id = ?"
        " ON CONFLICT (client_id) DO UPDATE SET used_on = max(coalesce(used_on, 0), excluded.used_on)",
        (seconds, client_id),
    )


def used_on(db: sqlite3.Connection, client_id: str) -> int | None:
    """The time of a principal's last sign-in, in seconds since the epoch; None: there was none."""
    row = db.execute("SELECT used_on FROM principal_uses WHERE client_id = ?", (client_id,)).fetchone()
    return None if row is None else row["used_on"]


def owner_secret_made(db: sqlite3.Connection) -> None:
    """Keeps the time of the owner's secret, which is another one from now on."""
    db.execute(
        "INSERT INTO principal_uses VALUES (?, NULL, ?)"
        " ON CONFLICT (client_id) DO UPDATE SET secret_made_on = excluded.secret_made_on",
        (owner(db), int(time.time())),
    )


def owner_secret(db: sqlite3.Connection) -> Secret:
    """The owner's secret, by its age."""
    row = db.execute("SELECT secret_made_on FROM principal_uses WHERE client_id = ?", (owner(db),)).fetchone()
    return Secret(None if row is None else row["secret_made_on"], None)


def trust(db: sqlite3.Connection, client_id: str, credential: FederatedCredential) -> None:
    """Has another issuer's tokens sign a principal in; those of the same issuer and subject as told now."""
    audiences = json.dumps(credential.audiences)
    db.execute(
        "INSERT INTO federated_credentials VALUES (?, ?, ?, ?)"
        " ON CONFLICT (client_id, issuer, subject) DO UPDATE SET audiences = excluded.audiences",
        (client_id, credential.issuer, credential.subject, audiences),
    )


def distrust(db: sqlite3.Connection, client_id: str, issuer: str, subject: str) -> bool:
    """Ends the trust in an issuer's tokens of a subject: whether there was any."""
    found = db.execute(
        "DELETE FROM federated_credentials WHERE client_id = ? AND issuer = ? AND subject = ?",
        (client_id, issuer, subject),
    )
    return bool(found.rowcount)


def trusting(db: sqlite3.Connection, credential: FederatedCredential) -> str | None:
    """The client ID of a principal that such tokens sign in already: same issuer and subject, an audience of
    the same. None: there is none.
    """
    rows = db.execute(
        "SELECT client_id, audiences FROM federated_credentials WHERE issuer = ? AND subject = ?",
        (credential.issuer, credential.subject),
    )
    wanted = set(credential.audiences)
    return next((row["client_id"] for row in rows if wanted & set(json.loads(row["audiences"]))), None)


def end_tokens(db: sqlite3.Connection, client_id: str) -> None:
    """Ends all tokens that a principal has."""
    db.execute("UPDATE principals SET generation = generation + 1 WHERE client_id = ?", (client_id,))


def trusted(db: sqlite3.Connection, client_id: str) -> Sequence[FederatedCredential]:
    """The federated credentials of a principal."""
    rows = db.execute(
        "SELECT * FROM federated_credentials WHERE client_id = ? ORDER BY issuer, subject", (client_id,)
    )
    return [
        FederatedCredential(row["issuer"], row["subject"], tuple(json.loads(row["audiences"])))
        for row in rows
    ]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
