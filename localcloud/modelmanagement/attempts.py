"""Attempts at what may end the process: written down before they begin, gone when they have ended.

What a start finds under way was so when a process ended without a word. Whether the attempt ended it, or
somebody who killed it, is judged by the evidence that there is (`endings.py`). A clean stop waits for what is
under way, and leaves none.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from localcloud.datafolder.store import Store
from localcloud.modelmanagement import endings

CRASHES_LIMIT: Final = 2
"""How many processes may end in one thing before it is given up."""

log = logging.getLogger(__name__)


class Attempts:
    """The attempts of this process, and how many processes before it ended by them.

    A subject is an operation's ID, or the ID of a model that a start loads for the services that have it.

    Args:
        crash_report: of the last process; empty: it did not crash.
    """

    def __init__(self, store: Store, crash_report: str) -> None:
        self._store = store
        self._crash_report = crash_report
        self._crashes: dict[str, int] = {}

    def recall(self) -> None:
        """Judges what the last process left under way, and forgets what nobody will attempt any more."""
        with self._store.write() as db:
            for row in db.execute("SELECT * FROM loads").fetchall():
                if self._is_to_blame(row):
                    db.execute(
                        "INSERT INTO attempts VALUES (?, 1) ON CONFLICT DO UPDATE SET begun = begun + 1",
                        (row["subject"],),
                    )
                else:
                    log.info("the last process was killed amid the attempt at %s", row["subject"])
            db.execute("DELETE FROM loads")
            db.execute(
                "DELETE FROM attempts WHERE subject NOT IN"
                " (SELECT id FROM operations WHERE finished_on IS NULL UNION SELECT model_id FROM services)"
            )
            self._crashes = {row["subject"]: row["begun"] for row in db.execute("SELECT * FROM attempts")}

    def _is_to_blame(self, load: sqlite3.Row) -> bool:
        """Whether the last process ended by a load that was under way."""
        if self._crash_report:
            return endings.names_thread(self._crash_report, load["thread"])
        return endings.killed_for_memory(load["memory_kills"])

    def crashes(self, subject: str) -> int:
        """How many processes ended by it, one after another."""
        return self._crashes.get(subject, 0)

    def given_up(self, subject: str) -> bool:
        """Whether it has ended as many processes as it may."""
        return self.crashes(subject) >= CRASHES_LIMIT

    @contextmanager
    def counted(self, subject: str) -> Iterator[None]:
        """An attempt: on disk before the block begins, forgotten when it ends, with an error or without."""
        with self._store.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO loads VALUES (?, ?, ?)",
                (subject, threading.get_ident(), endings.memory_kills()),
            )
        try:
            yield
        finally:
            self.forget(subject)

    def forget(self, subject: str) -> None:
        """Forgets a subject's attempts: it has ended, or somebody asks for it anew."""
        self._crashes.pop(subject, None)
        try:
            with self._store.write() as db:
                db.execute("DELETE FROM attempts WHERE subject = ?", (subject,))
                db.execute("DELETE FROM loads WHERE subject = ?", (subject,))
        except sqlite3.Error as error:  # should the process crash later, it may be blamed for that
            log.warning("the end of the attempt at %s could not be written down: %s", subject, error)
