"""The store of all that is remembered: one file of SQLite, in WAL mode, every acknowledged write on disk.

Each room of localcloud has tables of its own; the store brings them to the newest version when it opens
(`localcloud/datafolder/schema.py`). Writers take turns, readers never wait for them.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud import waiting
from localcloud.datafolder import schema
from localcloud.datafolder.mark import HighWater, Mark
from localcloud.datafolder.vault import IN_CLEAR, Vault
from localcloud.errors import StartError

REWRITE_PATIENCE_S = 10.0
"""So long a rewrite waits for whoever reads."""
REST_S = 2.0
"""So long after the last write the log beside the database is written into it."""
_TIMEOUT_S = 30.0

log = logging.getLogger(__name__)


class Connection(sqlite3.Connection):
    """A connection to the database, and the vault of its secrets."""

    vault: Vault = IN_CLEAR


def vault_of(db: sqlite3.Connection) -> Vault:
    """The vault of the secrets that a connection reads and writes."""
    return db.vault if isinstance(db, Connection) else IN_CLEAR


class Store:
    """A SQLite database shared by the threads of one process.

    Args:
        path: the database file; made, readable by its owner alone, where there is none.
        mark: the mark of the folder that it lies in, which the database is to carry; None: it lies in none.
        unlocked: gives the vault of the secrets in a database, once that is of the newest schema.
    """

    def __init__(
        self,
        path: Path,
        mark: Mark | None = None,
        unlocked: Callable[[sqlite3.Connection], Vault] = lambda _: IN_CLEAR,
    ) -> None:
        self._path = path
        self.vault = IN_CLEAR
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._connections: list[Connection] = []
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
            self.use(unlocked(self._writer))
            self._checkpointer = self._connect(timeout_s=0)
            if mark is not None:
                with self.write() as db:
                    db.execute(
                        "INSERT OR IGNORE INTO folder VALUES (1, ?, ?, 0)", (mark.folder, mark.commits)
                    )
        except (sqlite3.Error, StartError):
            self.close()
            raise
        self._rest.start()

    def use(self, vault: Vault) -> None:
        """Has the secrets be read and written through another vault, while nobody else uses the store."""
        self.vault = vault
        for connection in self._connections:
            connection.vault = vault

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
        connection: Connection | None = getattr(self._local, "connection", None)
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

    def rewrite(self) -> None:
        """Writes the database anew, so that neither it nor its log has anything that was deleted or replaced.

        Raises:
            sqlite3.Error: somebody reads it all the time, or there is no room for it.
        """
        with self._write_lock:
            self._writer.execute("VACUUM")
        if not waiting.until(self.checkpoint, REWRITE_PATIENCE_S):
            raise sqlite3.OperationalError("somebody reads it all the time, and its log cannot be emptied")

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

    def _connect(self, timeout_s: float = _TIMEOUT_S) -> Connection:
        connection = sqlite3.connect(
            self._path,
            isolation_level=None,
            check_same_thread=False,
            timeout=timeout_s,
            factory=Connection,
        )
        connection.vault = self.vault
        self._connections.append(connection)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        return connection
