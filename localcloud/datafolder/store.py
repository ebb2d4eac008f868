"""The store of all that is remembered: one file of SQLite, in WAL mode, every acknowledged write on disk.

Each room of localcloud has tables of its own; the store brings them to the newest version when it opens
(`localcloud/datafolder/schema.py`). Writers take turns, readers never wait for them.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.datafolder import schema
from localcloud.datafolder.mark import HighWater, Mark

REST_S = 2.0
"""So long after the last write the log beside the database is written into it."""
_TIMEOUT_S = 30.0

log = logging.getLogger(__name__)


class Store:
    """A SQLite database shared by the threads of one process.

    Args:
        path: the database file; made, readable by its owner alone, where there is none.
        mark: the mark of the folder that it lies in, which the database is to carry; None: it lies in none.
    """

    def __init__(self, path: Path, mark: Mark | None = None) -> None:
        self._path = path
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._high_water = HighWater(path.parent, mark) if mark else None
        self._changed = threading.Condition()
        self._written_at: float | None = None  # and not in the database file yet
        self._closing = False
        self._rest = threading.Thread(target=self._checkpoint_at_rest, name="store", daemon=True)
        path.touch(mode=0o600)
        try:
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = FULL")
            schema.migrate(self._writer)
            self._checkpointer = self._connect(timeout_s=0)
            if mark is not None:
                with self.write() as db:
                    db.execute(
                        "INSERT OR IGNORE INTO folder VALUES (1, ?, ?, 0)", (mark.folder, mark.commits)
                    )
        except sqlite3.Error:
            self.close()
            raise
        self._rest.start()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: on disk when the block ends, undone when it raises or cannot be written.

        Blocks may nest in one thread; the outermost one commits.
        """
        with self._write_lock:
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            changes = self._writer.total_changes
            try:
                yield self._writer
                commits = self._counted() if self._writer.total_changes != changes else None
                self._writer.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            if commits is not None:
                self._committed(commits)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view of what is committed, on this thread's own connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def checkpoint(self) -> bool:
        """Writes the log beside the database into it: whether nobody who reads was in the way."""
        with self._write_lock:
            busy: int = self._checkpointer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def close(self) -> None:
        """Closes every connection; the store cannot be used afterwards."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._rest.is_alive():
            self._rest.join()
        with self._write_lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            if self._high_water is not None:
                self._high_water.close()
                self._high_water = None

    def _roll_back(self) -> None:
        if self._writer.in_transaction:  # SQLite itself undoes it where the disk fails
            self._writer.execute("ROLLBACK")

    def _counted(self) -> int:
        """The number of this commit; 0 where the database belongs to no folder."""
        row = self._writer.execute("UPDATE folder SET commits = commits + 1 RETURNING commits").fetchone()
        return row["commits"] if row else 0

    def _committed(self, commits: int) -> None:
        if self._high_water is not None:
            self._high_water.reached(commits)
        with self._changed:
            self._written_at = time.monotonic()
            self._changed.notify()

    def _checkpoint_at_rest(self) -> None:
        """The thread that leaves little in the log, which is a file that can be lost on its own."""
        while self._wait_for_rest():
            try:
                done = self.checkpoint()
            except sqlite3.Error as error:  # a full disk: the log keeps what it has
                log.warning("the database's log cannot be written into it: %s", error)
                done = False
            if not done:
                with self._changed:
                    self._written_at = time.monotonic()

    def _wait_for_rest(self) -> bool:
        """True when nothing was written for a while, False when the thread is to end."""
        with self._changed:
            while not self._closing:
                if self._written_at is None:
                    self._changed.wait()
                    continue
                left_s = self._written_at + REST_S - time.monotonic()
                if left_s <= 0:
                    self._written_at = None
                    return True
                self._changed.wait(left_s)
            return False

    def _connect(self, timeout_s: float = _TIMEOUT_S) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=timeout_s
        )
        self._connections.append(connection)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        return connection
