"""The mark of a data folder: a file `identity.json` in it, and in each folder of it that can be mistaken.

That of the data folder also counts the commits of its database, and lies beside it: a database that has had
fewer has lost some. It is written after a commit and before the answer, and never synced: after a loss of
power it may be behind the database, and never ahead of it.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from localcloud.errors import StartError
from localcloud.files import write_private
from surroundings import json_text

IDENTITY = "identity.json"
_NO_COUNT = 10**19
"""More commits than a database counts."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mark:
    """The mark of a data folder.

    Attributes:
        folder: the identity, a UUID that was made with the folder.
        commits: how many commits its database has had at least.
    """

    folder: str
    commits: int = 0

    def text(self) -> bytes:
        """The mark as it is written: as many bytes for any number of commits."""
        return f'{{"folder": {json.dumps(self.folder)}, "commits": {self.commits:20d}}}\n'.encode()


def read(folder: Path) -> Mark | None:
    """The mark of a folder; None: it has none.

    Raises:
        StartError: it is damaged.
    """
    path = folder / IDENTITY
    try:
        kept = json_text.loads(path.read_bytes())
        return Mark(_folder(kept["folder"]), _commits(kept["commits"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError):
        raise StartError(
            f"{path} is damaged. Delete it: the next start makes it anew from the database, and cannot tell "
            "then whether the newest of that is lost."
        ) from None


def _folder(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("an identity is a text")
    return value


def _commits(value: object) -> int:
    if type(value) is not int or not 0 <= value < _NO_COUNT:
        raise ValueError("this is no number of commits")
    return value


def write(folder: Path, mark: Mark) -> None:
    """Marks a folder, which is made where there is none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / IDENTITY, mark.text())


class HighWater:
    """The count of a mark, as the database's commits go on.

    Args:
        folder: a data folder that has a mark.
        mark: its mark.
    """

    def __init__(self, folder: Path, mark: Mark) -> None:
        self._mark = mark
        self._descriptor = os.open(folder / IDENTITY, os.O_WRONLY | os.O_CLOEXEC)

    def reached(self, commits: int) -> None:
        """Notes so many commits. One that cannot be noted is no error: the mark is behind then."""
        try:
            os.pwrite(self._descriptor, Mark(self._mark.folder, commits).text(), 0)
        except OSError as error:
            log.warning("%s cannot be written: %s", IDENTITY, error.strerror)

    def close(self) -> None:
        os.close(self._descriptor)
