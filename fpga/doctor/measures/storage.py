"""Folders and files of a checkout, and of what is made once for all checkouts."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fpga.doctor.checks.storage import Passphrase, Place
from fpga.project import DEFAULT_STACK, VARIABLE, Project

_SECRETS = (
    "passphrase",
    "passphrases/*",
    "roots-keys/*",
)
_SECRETS_OF_A_CLOUD = (
    "client-secret",
    "*.key",
    "localcloud.db*",
    "acme.json",
    "identity.json",
)
_OTHERS = 0o077
_MOST_FOREIGN = 1000
_MOUNTS = Path("/proc/self/mounts")


def places(project: Project) -> list[Place]:
    """The folders that the project writes to."""
    from engine import cache

    return [
        _place("all that is made in the checkout", project.local, VARIABLE, holds_databases=True),
        _place("what is made once for all checkouts", cache.root(), "FPGA_CACHE", is_shared=True),
        _place("temporary files", Path(tempfile.gettempdir()), "TMPDIR", holds_programs=False),
    ]


def foreign_files(project: Project) -> list[Path]:
    """What in `.local` is another user's; the first thousand of it."""
    found: list[Path] = []
    own = os.geteuid()
    for path in _all(project.local):
        if path.lstat().st_uid != own:
            found.append(path)
            if len(found) >= _MOST_FOREIGN:
                break
    return found


def user() -> str:
    """The user that runs this."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def readable_secrets(project: Project) -> list[Path]:
    """Files with secrets, and folders of states, that others than their owner may read."""
    files = [file for pattern in _SECRETS for file in sorted(project.local.glob(pattern))]
    files += [
        file
        for data in project.clouds
        for pattern in _SECRETS_OF_A_CLOUD
        for file in sorted(data.glob(pattern))
    ]
    state = project.local / "state"
    if project.local.is_dir() and project.local.stat().st_mode & 0o066 and state.is_dir():
        files.append(state)
    return [file for file in files if file.exists() and file.stat().st_mode & _OTHERS]


def passphrases(project: Project) -> list[Passphrase]:
    """The passphrase of the checkout's own stacks."""
    from fpga.stacks import backend

    own = backend.own(project)
    try:
        stacks = backend.names_in(own)
    except OSError:
        stacks = []
    file = project.local / "passphrase"
    return [Passphrase(file, stacks, _trouble(file))]


def newest(project: Project) -> tuple[datetime | None, str]:
    """The latest time at which something was made here, and what it was."""
    watched = [
        project.checkout / "requirements.lock",
        project.local / "activate",
        project.local / "passphrase",
        project.stack_file(DEFAULT_STACK),
    ]
    watched += [data / name for data in project.clouds for name in ("ca.pem", "localcloud.log")]
    found = [(file.stat().st_mtime, str(file)) for file in watched if file.exists()]
    if not found:
        return None, ""
    time, name = max(found)
    return datetime.fromtimestamp(time, UTC), name


def _place(
    use: str,
    path: Path,
    variable: str,
    *,
    holds_programs: bool = True,
    holds_databases: bool = False,
    is_shared: bool = False,
) -> Place:
    there = next(one for one in (path, *path.parents) if one.exists())
    trouble = ""
    if not there.is_dir():
        trouble = f"{there} is no folder"
    # a cache of somebody else's is used as it is
    elif not os.access(there, os.W_OK | os.X_OK) and not (is_shared and path.is_dir()):
        trouble = "this user may not" if there == path else f"this user may not write to {there}"
    counted = os.statvfs(there)
    return Place(
        use,
        path,
        variable,
        free=shutil.disk_usage(there).free,
        inodes=counted.f_favail if counted.f_files else None,
        has_noexec=bool(counted.f_flag & getattr(os, "ST_NOEXEC", 8)),
        file_system=_file_system(there),
        trouble=trouble,
        holds_programs=holds_programs,
        holds_databases=holds_databases,
    )


def _file_system(path: Path) -> str:
    """The type of the file system that holds a path; empty where the system does not tell."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return ""
    whole = path.resolve()
    # of several on one point the last is seen
    holding = [
        (len(point), index, kind)
        for index, (_, written, kind, *_) in enumerate(mounts)
        if whole.is_relative_to(point := _unescaped(written))
    ]
    return max(holding, default=(0, 0, ""))[2]


def _unescaped(point: str) -> str:
    """A mount point of /proc/mounts, in which white space is written in octal (fstab(5))."""
    return point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _all(folder: Path) -> Iterator[Path]:
    if not folder.exists():
        return
    yield folder
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(where, name)


def _trouble(file: Path) -> str:
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            return "is no file"
        return "" if file.read_text().strip() else "is empty"
    except FileNotFoundError:
        return "is not there"
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read ({error})"
