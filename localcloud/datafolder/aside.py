"""What looks like garbage, moved aside: into `aside/DATE` of the data folder, and deleted a month later.

The list by which a thing is garbage may itself be lost or damaged: a start deletes nothing on its word.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

from localcloud import waiting
from localcloud.files import write_private

FOLDER = "aside"
KEEP = timedelta(days=30)
TEND_INTERVAL_S = 24 * 3600.0
"""So long a localcloud runs before it deletes what is old, by a clock that may be wrong at a start."""

log = logging.getLogger(__name__)


class Aside:
    """The place in a data folder for what nobody seems to need.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._data = data

    def move(self, path: Path) -> Path:
        """Moves a file or folder of the data folder here; returns its new path."""
        target = self._free(path.relative_to(self._data))
        path.rename(target)
        log.warning(
            "%s belongs to nothing: it is moved to %s, and deleted after %d days", path, target, KEEP.days
        )
        return target

    def write(self, name: str, content: bytes) -> Path:
        """Keeps something that is no file yet, readable by its owner alone; returns its path."""
        target = self._free(Path(name))
        write_private(target, content)
        log.warning("what belongs to nothing is kept in %s, and deleted after %d days", target, KEEP.days)
        return target

    def forget_old(self) -> None:
        """Deletes what was moved here longer ago than `KEEP`."""
        root = self._data / FOLDER
        if not root.is_dir():
            return
        oldest = datetime.now(UTC).date() - KEEP
        for folder in root.iterdir():
            moved_on = _date(folder.name)
            if moved_on is not None and moved_on < oldest:
                log.info("%s is deleted: it was moved aside more than %d days ago", folder, KEEP.days)
                shutil.rmtree(folder, ignore_errors=True)

    def tended(self) -> AbstractContextManager[None]:
        """Forgets what is old, once a day, inside the block."""
        return waiting.every(TEND_INTERVAL_S, self.forget_old, thread="aside")

    def _free(self, name: Path) -> Path:
        """A path of today's that nothing has yet, in a folder that is there."""
        wanted = self._data / FOLDER / f"{datetime.now(UTC):%Y-%m-%d}" / name
        wanted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = (wanted.with_name(f"{wanted.name}.{number}") for number in count(2))
        return wanted if not wanted.exists() else next(path for path in others if not path.exists())


def _date(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
