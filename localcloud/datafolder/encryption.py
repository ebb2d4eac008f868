"""Encryption of a data folder's secrets: which they are, and the ways into it, out of it, and to another key.

Each way is one transaction of the database. Around it files are rewritten, and what was in clear is wiped; a
start that finds this cut off does it again (`settled`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.datafolder import look, secret_files
from localcloud.datafolder.operator_key import OPTION, OperatorKey
from localcloud.datafolder.store import Store
from localcloud.datafolder.vault import IN_CLEAR, KEY_BYTES, Locked, Place, Sealing, Vault, is_sealed
from localcloud.errors import StartError
from localcloud.settings import DATABASE

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Column:
    """A column of secrets, and the column that names its rows."""

    table: str
    name: str
    key: str

    def place(self, row: object) -> Place:
        return Place(self.table, self.name, str(row))


SECRETS: Final = (
    _Column("tenant", "client_secret", "only"),
    _Column("tenant", "signing_key", "only"),
    _Column("services", "private_key", "id"),
    _Column("services", "primary_key", "id"),
    _Column("services", "secondary_key", "id"),
    _Column("operations", "change", "id"),
    _Column("storage_keys", "key1", "account_id"),
    _Column("storage_keys", "key2", "account_id"),
)
"""All columns of the database that hold a secret; what else could be one is kept as a digest."""


@dataclass(frozen=True)
class Kept:
    """The row that says how a folder's secrets are encrypted.

    Attributes:
        folder: identity of the data folder.
        key_id: of the operator's key.
        wrapped: the data key, encrypted.
        settled: whether nothing in clear is left from before.
    """

    folder: str
    key_id: str
    wrapped: bytes
    settled: bool


def judge(data: Path, key: OperatorKey | None) -> Callable[[sqlite3.Connection], None]:
    """A check of a folder's database, by a look that changes nothing: its secrets can be read with this key.

    Raises:
        StartError: by the check: they cannot; the message names the setting.
    """

    def judged(db: sqlite3.Connection) -> None:
        kept = _kept(db)
        vault = _opened(data, kept, key)
        vault.require()
        if kept is not None:
            for column, row, written in _written(db):
                vault.unseal(column.place(row), written)

    return judged


def vault_of(data: Path, db: sqlite3.Connection, key: OperatorKey | None) -> Vault:
    """The vault of a folder, by its database.

    Raises:
        StartError: the key is another one than the folder's.
    """
    return _opened(data, _kept(db), key)


def key_id(data: Path, *, runs: bool = False) -> str | None:
    """The ID of the operator's key with which a folder's secrets are encrypted; None: they are in clear."""
    database = data / DATABASE
    with look.shared(database) if runs else look.untouched(database) as db:
        kept = _kept(db)
    return None if kept is None else kept.key_id


def keep(store: Store, data: Path, key: OperatorKey | None) -> None:
    """Has a folder's secrets be encrypted where there is a key, and nothing in clear be left.

    The folder is held, and nothing else uses the store yet.

    Raises:
        StartError: what is there does not fit together.
    """
    if key is None:
        return
    _write_no_core()
    with store.read() as db:
        kept = _kept(db)
    if kept is None:
        _enter(store, key)
    if kept is None or not kept.settled:
        log.info("what was in clear of before is wiped from %s", data)
        store.rewrite()
        secret_files.seal(data, store.vault)
        with store.write() as db:
            db.execute("UPDATE encryption SET settled = 1")
        log.info("the secrets of %s are encrypted with the key %s", data, key.id)


def _write_no_core() -> None:
    """Has what memory holds not be written where a crash leaves it.

    Of 0 bytes a program that the system pipes cores to gets all the same; of 1, which no core fits in, Linux
    starts none (core(5), `fs/coredump.c`).
    """
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    limit = 1 if sys.platform == "linux" and (most == resource.RLIM_INFINITY or most > 0) else 0
    resource.setrlimit(resource.RLIMIT_CORE, (limit, most))


def leave(store: Store, data: Path) -> None:
    """Has a folder's secrets be in clear again; the folder is held, and nothing else uses the store.

    Raises:
        StartError: one of them cannot be decrypted; the folder is encrypted as before.
    """
    vault = store.vault
    with store.write() as db:
        db.execute("UPDATE encryption SET settled = 0")  # a start behind one that is cut off seals them again
    secret_files.unseal(data, vault)
    with store.write() as db:
        for column, row, written in list(_written(db)):
            _write(db, column, row, vault.unseal(column.place(row), written))
        db.execute("DELETE FROM encryption")
    store.use(IN_CLEAR)


def rewrap(
    store: Store, data: Path, key: OperatorKey | None, new: OperatorKey, note: Callable[[], None]
) -> None:
    """Has another key of the operator's take the place of a folder's, whether its localcloud runs or not.

    Where it has already there is nothing to do.

    Args:
        note: called before the change.

    Raises:
        StartError: the folder is not encrypted, or not with this key; nothing was changed.
    """
    with store.write() as db:
        kept = _kept(db)
        if kept is None:
            raise StartError(
                f"The secrets of {data} are not encrypted: start it with {OPTION}, and they are. Nothing was "
                "changed."
            )
        if kept.key_id == new.id:
            return
        if key is None:
            raise _locked(data, kept)
        _require_same(data, kept, key)
        data_key = key.unwrap(kept.wrapped, kept.folder)
        note()
        db.execute("UPDATE encryption SET key_id = ?, wrapped = ?", (new.id, new.wrap(data_key, kept.folder)))
    with contextlib.suppress(sqlite3.Error):  # as little as can be is left of what the key of before opens
        store.rewrite()


def _enter(store: Store, key: OperatorKey) -> None:
    """Seals every secret of the database, in one transaction."""
    data_key = os.urandom(KEY_BYTES)
    vault = Sealing(data_key)
    with store.write() as db:
        (folder,) = db.execute("SELECT id FROM folder").fetchone()
        for column, row, written in list(_written(db)):
            if is_sealed(written):
                raise StartError(
                    f"The secret in {column.place(row)} is encrypted, and the key that it was encrypted with "
                    "is gone from the database. Restore a backup (`fpga cloud restore`)."
                )
            _write(db, column, row, vault.seal(column.place(row), written))
        db.execute("INSERT INTO encryption VALUES (1, ?, ?, 0)", (key.id, key.wrap(data_key, folder)))
    store.use(vault)


def _written(db: sqlite3.Connection) -> Iterator[tuple[_Column, object, str]]:
    """Each secret as it is written, with the key of its row."""
    tables = _tables(db)
    for column in SECRETS:
        if column.table in tables:
            query = f"SELECT {column.key}, {column.name} FROM {column.table} WHERE {column.name} IS NOT NULL"  # noqa: S608
            for row, written in db.execute(query):
                yield column, row, written


def _write(db: sqlite3.Connection, column: _Column, row: object, written: str) -> None:
    query = f"UPDATE {column.table} SET {column.name} = ? WHERE {column.key} = ?"  # noqa: S608
    db.execute(query, (written, row))


def _opened(data: Path, kept: Kept | None, key: OperatorKey | None) -> Vault:
    if kept is None:
        return IN_CLEAR
    if key is None:
        return Locked(_locked(data, kept))
    _require_same(data, kept, key)
    return Sealing(key.unwrap(kept.wrapped, kept.folder))


def _locked(data: Path, kept: Kept) -> StartError:
    return StartError(
        f"The secrets of {data} are encrypted with the key {kept.key_id}, and none is given: name its file "
        f"with {OPTION} (encryptionKeyFile); `fpga cloud up {OPTION} FILE` starts it. Nothing was changed."
    )


def _require_same(data: Path, kept: Kept, key: OperatorKey) -> None:
    if key.id != kept.key_id:
        raise StartError(
            f"{key.source} is the key {key.id}, and the secrets of {data} are encrypted with the key "
            f"{kept.key_id}: name the file of that one. Nothing was changed."
        )


def _kept(db: sqlite3.Connection) -> Kept | None:
    """None, too, where the database is of a time before there was encryption."""
    if not {"encryption", "folder"} <= _tables(db):
        return None
    row = db.execute("SELECT id, key_id, wrapped, encryption.settled FROM encryption, folder").fetchone()
    return None if row is None else Kept(row[0], row[1], row[2], bool(row[3]))


def _tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
