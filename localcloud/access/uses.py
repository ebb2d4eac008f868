"""The time of each principal's last sign-in, kept in the database by a thread, for which no sign-in waits."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from localcloud.access import principals
from localcloud.datafolder.store import Store

FINE_S: Final = 60
"""A sign-in that follows another one of the same principal within so many seconds is not written."""

log = logging.getLogger(__name__)


class Uses:
    """A keeper of the times of sign-ins."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._written: dict[str, float] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="uses")

    @contextlib.contextmanager
    def kept(self) -> Iterator[Uses]:
        """Writes what is still to be written at the end of the block."""
        try:
            yield self
        finally:
            self._thread.shutdown()

    def note(self, client_id: str) -> None:
        """Takes note that a principal has just signed in; called by any thread."""
        seconds = time.time()
        with self._lock:
            if seconds - self._written.get(client_id, 0) < FINE_S:
                return
            self._written[client_id] = seconds
        self._thread.submit(self._write, client_id, int(seconds))

    def _write(self, client_id: str, seconds: int) -> None:
        try:
            with self._store.write() as db:
                principals.used(db, client_id, seconds)
        except sqlite3.Error as error:  # a full disk: it is written with a later sign-in
            log.warning("the last sign-in of %s cannot be written: %s", client_id, error)
            with self._lock:
                self._written.pop(client_id, None)
