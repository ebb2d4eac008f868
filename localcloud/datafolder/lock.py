"""The lock of a data folder, one process at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from localcloud import file_lock
from localcloud.datafolder import usable
from localcloud.settings import LOCK


def held(data: Path) -> AbstractContextManager[int]:
    """Holds the data folder inside the block, and as long as copies of the given descriptor are open.

    Raises:
        StartError: another localcloud holds it.
    """
    refusal = f"--data {data} is in use by another localcloud: stop that, or give another folder."
    return file_lock.held(data / LOCK, refusal)


def is_held(data: Path) -> bool:
    """Whether a localcloud runs on that data folder.

    Raises:
        OSError: its lock is no file, or may not be read.
    """
    usable.require_file(data / LOCK)
    return file_lock.is_held(data / LOCK)
