"""A disk that is full when localcloud's database commits: SQLite undoes the transaction, and says so."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from localcloud.datafolder.store import Connection


class FailingDisk:
    """The disk under every connection that is opened while it is `installed`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self.failures = 0

    def fill(self, after: int = 0) -> None:
        """It is full once so many more transactions were written."""
        with self._lock:
            self._left, self.failures = after, 0

    def heal(self) -> None:
        with self._lock:
            self._left = None

    def takes_a_commit(self) -> bool:
        with self._lock:
            if self._left is None:
                return True
            if self._left > 0:
                self._left -= 1
                return True
            self.failures += 1
            return False


@contextmanager
def installed() -> Iterator[FailingDisk]:
    """Puts the disk under the databases that are opened meanwhile, by Python's `sqlite3`."""
    disk = FailingDisk()

    class Failing(Connection):
        _writes = False

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "BEGIN IMMEDIATE":
                self._writes = True
            elif sql == "COMMIT" and self._writes:
                self._writes = False
                if not disk.takes_a_commit():
                    super().execute("ROLLBACK")
                    error = sqlite3.OperationalError("database or disk is full")
                    error.sqlite_errorcode = sqlite3.SQLITE_FULL
                    raise error
            return super().execute(sql, *parameters)

    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *a, **given: connect(*a, **given | {"factory": Failing}))
        yield disk
