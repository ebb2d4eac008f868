"""The lock of a data folder, one process at a time: the system lets go of it however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from localcloud import waiting
from localcloud.datafolder import usable
from localcloud.errors import StartError
from localcloud.settings import LOCK

_PATIENCE_S = 1.0


@contextlib.contextmanager
def held(data: Path) -> Iterator[int]:
    """Holds the data folder inside the block, and as long as copies of the yielded descriptor are open.

    Raises:
        StartError: another localcloud holds it.
    """
    with (data / LOCK).open("a") as lock:
        # `is_held` takes the lock for an instant: a single try could meet it.
        if not waiting.until(lambda: _take(lock.fileno(), fcntl.LOCK_EX), _PATIENCE_S):
            raise StartError(
                f"--data {data} is in use by another localcloud: stop that, or give another folder."
            )
        yield lock.fileno()


def is_held(data: Path) -> bool:
    """Whether a localcloud runs on that data folder.

    Raises:
        OSError: its lock is no file, or may not be read.
    """
    usable.require_file(data / LOCK)
    try:
        with (data / LOCK).open() as lock:
            return not _take(lock.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
