"""The owner of a data folder: what root makes there by a command is that user's, who serves the folder.

A file of root's that its server cannot read or write, such as the audit log, would stop that one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def kept(data: Path) -> Iterator[None]:
    """Gives what root makes in a data folder inside the block to the folder's owner."""
    try:
        yield
    finally:
        give((data, *data.iterdir()), data.stat())


def give(paths: Iterable[Path], owner: os.stat_result) -> None:
    """Gives files of root's to the owner of a folder, where root runs this and is not that owner."""
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_uid == 0:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
