"""The data folder as a whole: which parts belong together, and which are refused, with every byte as before.

Database, packages and blobs carry the identity of their folder (`localcloud/datafolder/mark.py`). A start
that finds one of them lost, behind or another folder's must not go on: to the rest, what is lost looks as if
it had never been.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path

from localcloud.blob import azurite
from localcloud.datafolder import look, mark
from localcloud.datafolder.look import Look
from localcloud.datafolder.mark import IDENTITY, Mark
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.settings import BLOBS, CA_CERTIFICATE, CLIENT_SECRET, DATABASE, PACKAGES

log = logging.getLogger(__name__)

_UNTOUCHED = "Nothing was changed."
_REMEDY = (
    f"{_UNTOUCHED} Put back what belongs here, restore a backup (`fpga cloud restore`), or start with a new "
    "--data folder."
)
_GO_ON = "To go on with what is left, and give up the rest, delete"


def checked(data: Path, judged: Callable[[sqlite3.Connection], None] | None = None) -> Mark:
    """The mark of a data folder whose parts fit; a new folder gets one.

    A folder of the time before marks gets one too, where its database has a tenant.

    Args:
        judged: looks at the database, too, and may refuse it.

    Raises:
        StartError: something is lost, damaged or another folder's; no byte was changed.
    """
    for pattern in (".look-*", ".backup-*"):  # of processes that were killed over it
        for left in data.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
    kept = mark.read(data)
    found = look.at(data / DATABASE, judged)
    if found.folder is None:
        _require_beginning(data, kept, found)
    elif kept is not None:
        _require_same(data, kept, found)
    expected = kept.folder if kept else found.folder
    _require_beside(data, expected, found, is_sure=kept is not None)
    if kept is not None:
        return kept
    if expected is None:
        made = Mark(str(uuid.uuid4()))
    else:
        log.warning("%s is made anew, from the database", data / IDENTITY)
        made = Mark(expected, found.commits)
    mark.write(data, made)
    return made


def settle(data: Path, made: Mark, store: Store) -> None:
    """Has packages and blobs carry the folder's mark, once all else is up."""
    for name in (PACKAGES, BLOBS):
        if mark.read(data / name) is None:
            mark.write(data / name, Mark(made.folder))
    with store.read() as db:
        (settled,) = db.execute("SELECT settled FROM folder").fetchone()
    if not settled:
        with store.write() as db:
            db.execute("UPDATE folder SET settled = 1")


def _require_beginning(data: Path, kept: Mark | None, found: Look) -> None:
    """Refuses a database without identity, unless it is of before, or of a first start that was cut off."""
    if kept is not None and kept.commits > 0:
        raise StartError(
            f"The database {data / DATABASE} is lost, or another folder's: it does not carry the identity of "
            f"{data / IDENTITY}. {_REMEDY}"
        )
    if found.has_tenant:
        return
    traces = [data / CLIENT_SECRET] if (data / CLIENT_SECRET).exists() else []
    traces += [data / name for name in (PACKAGES, BLOBS) if _holds_something(data / name)]
    if not found.exists:
        traces += [path for path in (data / CA_CERTIFICATE, *_logs(data)) if path.exists()]
    if traces:
        what = "holds nothing" if found.exists else "is lost"
        raise StartError(
            f"The database {data / DATABASE} {what}, and there is what belonged to it: "
            f"{', '.join(path.name for path in traces)}. {_REMEDY}"
        )


def _require_same(data: Path, kept: Mark, found: Look) -> None:
    if found.folder != kept.folder:
        raise StartError(
            f"The database {data / DATABASE} is another data folder's: it carries {found.folder}, and "
            f"{data / IDENTITY} {kept.folder}. {_REMEDY}"
        )
    if found.commits < kept.commits:
        raise StartError(
            f"The newest of the database {data / DATABASE} is lost: it has {found.commits} of "
            f"{kept.commits} commits. {_UNTOUCHED} Put it back together with its {DATABASE}-wal of the same "
            "time, restore a backup (`fpga cloud restore`), or start with a new --data folder. "
            f"{_GO_ON} {data / IDENTITY}."
        )


def _require_beside(data: Path, expected: str | None, found: Look, *, is_sure: bool) -> None:
    """Refuses packages and blobs that are another folder's, or lost.

    Args:
        expected: the identity to carry; None: none yet.
        is_sure: whether the folder's mark is there: who deleted it gave up what is lost.
    """
    for name in (PACKAGES, BLOBS):
        beside = mark.read(data / name)
        if beside is not None and beside.folder != expected:
            raise StartError(f"{data / name} is another data folder's: it carries {beside.folder}. {_REMEDY}")
    lost_list = azurite.lost_list(data / BLOBS)
    if lost_list is not None:
        raise StartError(f"{lost_list}, the list of what is in {data / BLOBS}, is lost or damaged. {_REMEDY}")
    if not (is_sure and found.settled):
        return
    packages = {path.stem for path in (data / PACKAGES).glob("*.zip")}
    # localclouds of before take the mark away, and leave the packages
    lost = [PACKAGES] if found.models and not found.models & packages else []
    lost += [BLOBS] if found.has_storage else []
    for name in lost:
        if mark.read(data / name) is None:
            raise StartError(
                f"{data / name} is lost, or another folder's: it does not carry the identity of "
                f"{data / IDENTITY}. {_REMEDY} {_GO_ON} {data / IDENTITY}."
            )


def _logs(data: Path) -> list[Path]:
    return [data / f"{DATABASE}-wal"]


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
