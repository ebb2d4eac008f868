"""The keys of storage accounts, as rows: two for each, so that one can change while the other is in use."""

from __future__ import annotations

import base64
import secrets
import sqlite3

from localcloud.arm.resources import Resource
from localcloud.datafolder.store import vault_of
from localcloud.datafolder.vault import Place

KEY_NAMES = ("key1", "key2")
_KEY_BYTES = 64


def make_keys(db: sqlite3.Connection, account: Resource) -> None:
    """Gives a new account its keys."""
    keys = [_sealed(db, account.id, name) for name in KEY_NAMES]
    db.execute("INSERT INTO storage_keys VALUES (?, ?, ?)", (account.id, *keys))


def keys_of(db: sqlite3.Connection, account: Resource) -> tuple[str, str]:
    """Both keys of an account, base64."""
    row = db.execute("SELECT * FROM storage_keys WHERE account_id = ?", (account.id,)).fetchone()
    return _opened(db, row)


def all_keys(db: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Both keys of every account, by the accounts' names."""
    rows = db.execute("SELECT name, storage_keys.* FROM resources JOIN storage_keys ON account_id = id")
    return {row["name"]: _opened(db, row) for row in rows}


def replace_key(db: sqlite3.Connection, account: Resource, name: str) -> None:
    """Makes one of an account's keys anew.

    Args:
        name: one of `KEY_NAMES`.
    """
    update = {
        "key1": "UPDATE storage_keys SET key1 = ? WHERE account_id = ?",
        "key2": "UPDATE storage_keys SET key2 = ? WHERE account_id = ?",
    }
    db.execute(update[name], (_sealed(db, account.id, name), account.id))


def _sealed(db: sqlite3.Connection, account_id: str, name: str) -> str:
    """A new key, as it is to be written."""
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return vault_of(db).seal(Place("storage_keys", name, account_id), key)


def _opened(db: sqlite3.Connection, row: sqlite3.Row) -> tuple[str, str]:
    one, other = (
        vault_of(db).unseal(Place("storage_keys", name, row["account_id"]), row[name]) for name in KEY_NAMES
    )
    return one, other
