"""A look at a database that changes no byte of it, nor of what lies beside it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from localcloud.datafolder import schema
from localcloud.errors import StartError

_BESIDE = ("-wal", "-journal")
"""Files beside a database with what is not in it yet, by the end of their names."""


@dataclass(frozen=True)
class Look:
    """The content of a database, as far as it says which folder it belongs to.

    Attributes:
        exists: whether there is a file, empty or not.
        has_tenant: whether a first start got as far as that.
        folder: identity of the data folder; None: it carries none.
        commits: how many it has had; 0 where it carries no identity.
        settled: whether the folders beside it carry the identity too.
        models: IDs of the models that are registered.
        has_storage: whether there are storage accounts.
        encrypted_with: ID of the operator's key that the secrets are encrypted with; None: they are in clear.
        half_encrypted: whether some are, and what was in clear of before may be there still.
    """

    exists: bool = False
    has_tenant: bool = False
    folder: str | None = None
    commits: int = 0
    settled: bool = False
    models: frozenset[str] = frozenset()
    has_storage: bool = False
    encrypted_with: str | None = None
    half_encrypted: bool = False


def at(path: Path, judged: Callable[[sqlite3.Connection], None] | None = None) -> Look:
    """The look at a database, after a check of the whole of it.

    Args:
        judged: looks at it, too, and may refuse it.

    Raises:
        StartError: it is damaged, or a newer localcloud's.
    """
    try:
        if not path.exists():
            return Look()
        with untouched(path) as db:
            found = _look(db, path)
            if judged is not None:
                judged(db)
            return found
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, str(error)) from None
    except OSError as error:
        raise StartError(
            f"The database {path} cannot be checked ({error.strerror}). Nothing was changed: make room for a "
            "copy beside it, and have it readable, then try again."
        ) from None


def _unreadable(path: Path, reason: str) -> StartError:
    return StartError(
        f"The database {path} cannot be read ({reason}). Nothing was changed: put back a good one, restore a "
        "backup (`fpga cloud restore`), or start with a new --data folder."
    )


def _look(db: sqlite3.Connection, path: Path) -> Look:
    version = schema.version_of(db)
    if version > schema.VERSION:
        raise StartError(
            f"The database {path} is of a newer localcloud (version {version}, and this one knows "
            f"{schema.VERSION}). Nothing was changed: use the checkout that it ran with last, or a newer one."
        )
    (problem,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if problem != "ok":
        raise _unreadable(path, " ".join(problem.split()))
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def rows(table: str, columns: str) -> list[tuple[object, ...]]:
        return db.execute(f"SELECT {columns} FROM {table}").fetchall() if table in tables else []  # noqa: S608

    kept = rows("folder", "id, commits, settled")
    folder, commits, settled = kept[0] if kept else (None, 0, 0)
    encryption = rows("encryption", "key_id, settled")
    key_id, wiped = encryption[0] if encryption else (None, 1)
    return Look(
        exists=True,
        has_tenant=bool(rows("tenant", "1")),
        folder=None if folder is None else str(folder),
        commits=int(str(commits)),
        settled=bool(settled),
        models=frozenset(str(model) for (model,) in rows("models", "id")),
        has_storage=bool(rows("storage_keys", "1")),
        encrypted_with=None if key_id is None else str(key_id),
        half_encrypted=not wiped,
    )


def shared(path: Path) -> contextlib.closing[sqlite3.Connection]:
    """A connection that reads a database while a localcloud serves it."""
    return contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True))


@contextlib.contextmanager
def untouched(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that leaves the files as they are: to read a log beside a database would write it back."""
    beside = [path.with_name(path.name + end) for end in _BESIDE]
    unwritten = [file for file in beside if file.exists() and file.stat().st_size > 0]
    with contextlib.ExitStack() as opened:
        if unwritten:
            draft = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix=".look-", dir=path.parent)))
            for file in (path, *unwritten):
                shutil.copyfile(file, draft / file.name)
            uri = (draft / path.name).as_uri()
        else:
            uri = f"{path.absolute().as_uri()}?immutable=1"
        yield opened.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True)))
