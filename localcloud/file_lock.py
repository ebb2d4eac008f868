"""A lock that a file stands for, one process at a time: the system lets go of it however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcloud import waiting
from localcloud.errors import StartError

PATIENCE_S: Final = 1.0


@contextlib.contextmanager
def held(file: Path, refusal: str) -> Iterator[int]:
    """Holds the lock inside the block, and as long as copies of the yielded descriptor are open.

    Args:
        refusal: the sentence for who comes second.

    Raises:
        StartError: another process holds it.
    """
    with file.open("a") as lock:
        # `is_held` takes the lock for an instant: a single try could meet it.
        if not waiting.until(lambda: _take(lock.fileno(), fcntl.LOCK_EX), PATIENCE_S):
            raise StartError(refusal)
        yield lock.fileno()


def is_held(file: Path) -> bool:
    """Whether a process holds the lock.

    Raises:
        OSError: the file may not be read.
    """
    try:
        with file.open() as lock:
            return not _take(lock.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
