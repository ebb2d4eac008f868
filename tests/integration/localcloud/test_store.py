"""A database that cannot be opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from localcloud.datafolder.store import Store


def test_a_commit_that_fails_is_undone_and_the_next_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with closing(Store(path)) as store:
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY constraint failed"):
            insert_what_cannot_be_committed(store)
        with store.write() as db:
            db.execute("INSERT INTO provider_registrations VALUES ('subscription', 'namespace')")
        with closing(sqlite3.connect(path)) as another:
            kept = another.execute("SELECT subscription_id FROM provider_registrations").fetchall()
            assert kept == [("subscription",)]
            assert another.execute("SELECT * FROM storage_keys").fetchall() == []


def insert_what_cannot_be_committed(store: Store) -> None:
    with store.write() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")  # else the insert is what fails
        db.execute("INSERT INTO storage_keys VALUES ('of-nobody', 'a', 'b')")


def test_what_is_no_database_is_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_text("this is no database, whatever its name says\n" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="file is not a database") as refused:
        Store(path)
    # the error, which is still held here, holds the store
    assert refused.tb is not None
    assert [file.path for file in psutil.Process().open_files() if file.path == str(path)] == []
