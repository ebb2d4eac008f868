"""Attempts at what may end the process: written down before they begin, gone when they have ended.

What is still there at a start was under way when a process ended without a word. A clean stop waits for
what is under way, and leaves none.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from localcloud.datafolder.store import Store

CRASHES_LIMIT: Final = 2
"""How many processes may end in one thing before it is given up."""

log = logging.getLogger(__name__)


class Attempts:
    """The attempts of this process, and how many the processes before it did not live through.

    A subject is an operation's ID, or the ID of a model that a start loads for the services that have it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._crashes: dict[str, int] = {}

    def recall(self) -> None:
        """Reads what earlier processes left, and forgets what nobody will attempt any more."""
        with self._store.write() as db:
            db.execute(
                "DELETE FROM attempts WHERE subject NOT IN"
                " (SELECT id FROM operations WHERE finished_on IS NULL UNION SELECT model_id FROM services)"
            )
            self._crashes = {row["subject"]: row["begun"] for row in db.execute("SELECT * FROM attempts")}

    def crashes(self, subject: str) -> int:
        """How many processes ended while they attempted it, one after another."""
        return self._crashes.get(subject, 0)

    def given_up(self, subject: str) -> bool:
        """Whether it has ended as many processes as it may."""
        return self.crashes(subject) >= CRASHES_LIMIT

    @contextmanager
    def counted(self, subject: str) -> Iterator[None]:
        """An attempt: on disk before the block begins, forgotten when it ends, with an error or without."""
        with self._store.write() as db:
            db.execute("INSERT OR REPLACE INTO attempts VALUES (?, ?)", (subject, self.crashes(subject) + 1))
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
        except sqlite3.Error as error:  # it counts as one crash, should it be attempted after a restart
            log.warning("the end of the attempt at %s could not be written down: %s", subject, error)
