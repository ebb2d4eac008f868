"""The file `client-secret` of a data folder: by it, this machine's commands sign in.

Where the folder's secrets are encrypted the file is a link into a folder in memory, which is gone with the
machine's power at the latest: what is stolen of the data folder signs nobody in. A system without such a
folder, as macOS is, has it among its temporary files, of which no backup of the data folder knows.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from localcloud.datafolder import memory, secret_files
from localcloud.datafolder.aside import Aside
from localcloud.datafolder.operator_key import OPTION
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.settings import CLIENT_SECRET

log = logging.getLogger(__name__)


def keep(data: Path, secret: str, *, is_expected: bool = False) -> None:
    """Has the file hold the secret, 0600.

    Args:
        is_expected: whether another one there is what a rotation took the place of; else it is moved aside.
    """
    path = data / CLIENT_SECRET
    if path.is_symlink():  # of a time when secrets were encrypted
        forget(data)
    if path.exists() and path.read_bytes() != secret.encode():
        if is_expected:
            write_private(path, secret.encode())
        else:
            Aside(data).move(path)
    if not path.exists() or path.stat().st_mode & 0o777 != 0o600:
        write_private(path, secret.encode())


def keep_in_memory(data: Path, secret: str, *, is_expected: bool = False) -> None:
    """Has the file be a link to one in memory that holds the secret, 0600.

    Args:
        is_expected: whether this process has made the link; else a folder is made anew, for somebody else may
            have made one of a name that was seen before.

    Raises:
        StartError: there is no folder in memory.
    """
    path = data / CLIENT_SECRET
    if is_expected and path.is_symlink() and path.exists():
        write_private(path.readlink(), secret.encode())
        return
    forget(data)
    if path.exists():  # of a copy that followed the link
        secret_files.wipe(path)
    try:
        if not memory.is_in_memory():
            log.warning(
                "there is no folder in memory: the client's secret is in %s while it runs", memory.place()
            )
        folder = memory.make(data)
    except OSError as error:
        raise StartError(
            f"The client's secret cannot be kept in memory ({error.strerror}: {error.filename}): have "
            f"$RUNTIME_DIRECTORY name a folder of a file system in memory, or leave {OPTION} out."
        ) from None
    target = folder / CLIENT_SECRET
    try:
        write_private(target, secret.encode())
        path.symlink_to(target)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def forget(data: Path) -> None:
    """Removes the link, and what is in memory of this folder. Of a file, nothing.

    The link in a copy of a folder leads to what the folder itself has in memory: that stays.
    """
    path = data / CLIENT_SECRET
    if not path.is_symlink():
        return
    folder = path.readlink().parent
    if folder.name.startswith(memory.prefix(data)) and memory.is_own(folder):
        shutil.rmtree(folder, ignore_errors=True)
    path.unlink()
