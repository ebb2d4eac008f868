"""The keys of storage accounts, as rows: two for each, so that one can change while the other is in use."""

from __future__ import annotations

import base64
import secrets
import sqlite3

from localcloud.arm.resources import Resource

KEY_NAMES = ("key1", "key2")
_KEY_BYTES = 64


def make_keys(db: sqlite3.Connection, account: Resource) -> None:
    """Gives a new account its keys."""
    db.execute("INSERT INTO storage_keys VALUES (?, ?, ?)", (account.id, _new_key(), _new_key()))


def keys_of(db: sqlite3.Connection, account: Resource) -> tuple[str, str]:
    """Both keys of an account, base64."""
    row = db.execute("SELECT key1, key2 FROM storage_keys WHERE account_id = ?", (account.id,)).fetchone()
    return row["key1"], row["key2"]


def replace_key(db: sqlite3.Connection, account: Resource, name: str) -> None:
    """Makes one of an account's keys anew.

    Args:
        name: one of `KEY_NAMES`.
    """
    update = {
        "key1": "UPDATE storage_keys SET key1 = ? WHERE account_id = ?",
        "key2": "UPDATE storage_keys SET key2 = ? WHERE account_id = ?",
    }
    db.execute(update[name], (_new_key(), account.id))


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
