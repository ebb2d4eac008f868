"""The schema of the database, by version: `PRAGMA user_version` says which one a database has.

Version 1 is what each room's `schema.sql` makes, and stays as it is. Every later version is a file
`migrations/NNNN-what.sql`, which makes it from the one before: tables and columns that are new stand there.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

ROOMS = ("identity", "arm", "modelmanagement")
_HERE = Path(__file__).parent


def _steps() -> list[str]:
    rooms = "\n".join((_HERE.parent / room / "schema.sql").read_text() for room in ROOMS)
    return [rooms, *(file.read_text() for file in sorted((_HERE / "migrations").glob("*.sql")))]


_STEPS = _steps()
VERSION = len(_STEPS)
"""The version that this code works with."""


def version_of(db: sqlite3.Connection) -> int:
    """The version of a database; 0: it is new, or of the time before versions, with tables of version 1."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(db: sqlite3.Connection) -> None:
    """Brings a database to `VERSION`, version by version, each in a transaction of its own.

    Raises:
        sqlite3.Error: a step failed; the database has the version before it.
    """
    for number in range(version_of(db) + 1, VERSION + 1):
        try:
            db.executescript(
                f"BEGIN IMMEDIATE;\n{_STEPS[number - 1]}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
