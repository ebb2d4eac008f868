"""A folder in memory for what no disk may keep: of one data folder, and for its owner alone.

It is gone with the machine's power at the latest, and no backup of the data folder knows of it. A system
without such a folder, as macOS is, has it among its temporary files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final

from localcloud.settings import IN_MEMORY

_VARIABLES: Final = ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR")
"""Those that name a folder in memory: of a unit (systemd.exec(5)), and of a session (XDG Base Directory)."""
_SHARED: Final = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it


def make(data: Path, purpose: str = "") -> Path:
    """A new folder, 0700.

    Args:
        purpose: a word in its name; folders of different purposes are forgotten apart.

    Raises:
        OSError: it cannot be made.
    """
    return Path(tempfile.mkdtemp(prefix=prefix(data, purpose), dir=place()))


def forget(data: Path, purpose: str) -> None:
    """Removes the folders of a purpose that processes of before have left behind."""
    for folder in place().glob(f"{prefix(data, purpose)}*"):
        if is_own(folder):
            shutil.rmtree(folder, ignore_errors=True)


def prefix(data: Path, purpose: str = "") -> str:
    """The beginning of the name of a data folder's own folders in memory."""
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return f"{IN_MEMORY}{digest}-{f'{purpose}-' if purpose else ''}"


def is_own(folder: Path) -> bool:
    """Whether it is a folder, and this user's."""
    try:
        state = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()


def place() -> Path:
    """The folder in memory that the environment names, or the one that every user of the machine has."""
    named = [os.environ.get(variable, "").partition(":")[0] for variable in _VARIABLES]
    found = next((Path(one) for one in named if one and Path(one).is_dir()), _SHARED)
    return found if found.is_dir() else Path(tempfile.gettempdir())


def is_in_memory() -> bool:
    """Whether this system has such a folder."""
    return place() != Path(tempfile.gettempdir())
