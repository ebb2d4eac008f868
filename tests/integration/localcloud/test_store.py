"""A database that cannot be opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psutil
import pytest

from localcloud.store import Store


def test_what_is_no_database_is_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_text("this is no database, whatever its name says\n" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="file is not a database") as refused:
        Store(path)
    # the error, which is still held here, holds the store
    assert refused.tb is not None
    assert [file.path for file in psutil.Process().open_files() if file.path == str(path)] == []
