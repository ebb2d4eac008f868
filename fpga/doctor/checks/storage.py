"""Folders and files: room, rights, owners, and whether programs may be run from where they are put."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from fpga.doctor.finding import Finding, error, fine, or_fine, warning

_ROOM: Final = "disk room"
_PROGRAMS_RUN: Final = "programs can run"
_FILE_SYSTEM: Final = "file system"
_WRITABLE: Final = "folders can be written"
_OWNERS: Final = "owners"
_SECRETS: Final = "secret files"
_PASSPHRASE: Final = "passphrase"  # noqa: S105 - a check's name
_CLOCK: Final = "clock"
_FULL: Final = 200_000_000  # bytes
_TIGHT: Final = 1_000_000_000  # bytes
_FEW_INODES: Final = 2_000
_SHOWN: Final = 3
_AHEAD: Final = timedelta(minutes=5)
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "vboxsf", "fuse.sshfs", "afs", "ceph", "lustre"}
)


@dataclass(frozen=True)
class Place:
    """A folder that the project works in.

    Attributes:
        use: what it is for, such as `temporary files`.
        variable: what names another one.
        free: bytes that this user may still write there.
        inodes: files that may still be made there; None: the file system counts none.
        has_noexec: whether no program may be run from there.
        file_system: its type, such as ext4; empty: it is not known.
        trouble: why it cannot be written; empty: it can.
        holds_programs: whether programs are run from there.
        holds_databases: whether databases and locks are in it.
    """

    use: str
    path: Path
    variable: str
    free: int
    inodes: int | None = None
    has_noexec: bool = False
    file_system: str = ""
    trouble: str = ""
    holds_programs: bool = True
    holds_databases: bool = False


@dataclass(frozen=True)
class Passphrase:
    """The file of the passphrase of some stacks.

    Attributes:
        stacks: the stacks whose secrets it opens.
        trouble: why it opens nothing; empty: nothing is wrong.
    """

    path: Path
    stacks: Sequence[str]
    trouble: str = ""


def room(places: Sequence[Place]) -> list[Finding]:
    """Whether there is room on the disks."""
    problems = []
    for one in places:
        told = f"{one.path} ({one.use}) has room for {_size(one.free)}"
        remedy = f"make room there, or set {one.variable} to a folder elsewhere"
        if one.free < _FULL:
            problems.append(error(_ROOM, told, remedy))
        elif one.free < _TIGHT:
            problems.append(warning(_ROOM, told, f"{remedy}; a build of the engine takes 1 GB for a while"))
        if one.inodes is not None and one.inodes < _FEW_INODES:
            told = f"{one.path} ({one.use}) has room for {one.inodes} more files"
            problems.append(error(_ROOM, told, f"remove files there, or set {one.variable}"))
    least = min((one.free for one in places), default=0)
    return or_fine(problems, _ROOM, f"{_size(least)} at least")


def programs_run(places: Sequence[Place]) -> list[Finding]:
    """Whether programs can be run from where they are put."""
    problems = [
        error(
            _PROGRAMS_RUN,
            f"{one.path} ({one.use}) is mounted noexec: nothing in it can be run",
            f"`mount -o remount,exec` it, or set {one.variable} to a folder elsewhere",
        )
        for one in places
        if one.has_noexec and one.holds_programs
    ]
    return or_fine(problems, _PROGRAMS_RUN, "no place is mounted noexec")


def file_system(places: Sequence[Place]) -> list[Finding]:
    """Whether databases and locks are on a disk of this machine."""
    problems = [
        warning(
            _FILE_SYSTEM,
            f"{one.path} ({one.use}) is on {one.file_system}, a file system of the network: SQLite's "
            "write-ahead log and locks are not reliable there",
            f"set {one.variable} to a folder on a disk of this machine",
        )
        for one in places
        if one.holds_databases and one.file_system in NETWORK_FILE_SYSTEMS
    ]
    names = {one.file_system for one in places if one.holds_databases and one.file_system}
    return or_fine(problems, _FILE_SYSTEM, ", ".join(sorted(names)) or "of this machine")


def writable(places: Sequence[Place]) -> list[Finding]:
    """Whether this user may write where the project writes."""
    problems = [
        error(
            _WRITABLE,
            f"{one.path} ({one.use}) cannot be written: {one.trouble}",
            f"have it be yours, or set {one.variable} to a folder of yours",
        )
        for one in places
        if one.trouble
    ]
    return or_fine(problems, _WRITABLE, ", ".join(str(one.path) for one in places))


def owners(foreign: Sequence[Path], user: str, local: Path) -> list[Finding]:
    """Whether all that was made here is this user's.

    Args:
        foreign: what is somebody else's, most often root's after a `sudo make up`.
    """
    if foreign:
        return [
            error(
                _OWNERS,
                f"{_some(foreign)} belong to somebody else than {user}",
                f"`sudo chown -R {shlex.quote(user)} {shlex.quote(str(local))}`, and no sudo before make",
            )
        ]
    return [fine(_OWNERS, f"all in {local} is {user}'s")]


def secrets(readable: Sequence[Path]) -> list[Finding]:
    """Whether secrets are their owner's alone.

    Args:
        readable: files and folders with secrets that others may read.
    """
    if readable:
        paths = " ".join(shlex.quote(str(one)) for one in readable)
        return [
            error(_SECRETS, f"{_some(readable)} may be read by others", f"`chmod go-rwx {paths}`"),
        ]
    return [fine(_SECRETS, "readable by their owner alone")]


def passphrases(files: Sequence[Passphrase]) -> list[Finding]:
    """Whether each stack's secrets can be opened."""
    problems = [
        error(
            _PASSPHRASE,
            f"{one.path}, of the secrets of {', '.join(one.stacks)}, {one.trouble}",
            "put it back from where you keep it; `fpga up` makes a new one for the stack local, whose "
            "secrets of before are lost then",
        )
        for one in files
        if one.trouble and one.stacks
    ]
    return or_fine(
        problems, _PASSPHRASE, ", ".join(str(one.path) for one in files if one.stacks) or "none yet"
    )


def clock(now: datetime, newest: datetime | None, what: str) -> list[Finding]:
    """Whether the clock is behind: something was made in its future. No other clock is asked.

    Args:
        newest: the latest time at which something was made here; None: nothing was.
        what: that thing.
    """
    if newest is not None and newest > now + _AHEAD:
        behind = newest - now
        told = f"it says {now:%Y-%m-%d %H:%M} UTC, and {what} was made at {newest:%Y-%m-%d %H:%M} UTC"
        remedy = f"set it, it is {_span(behind)} behind: `timedatectl set-ntp true`; tokens are valid by it"
        return [error(_CLOCK, told, remedy)]
    return [fine(_CLOCK, f"{now:%Y-%m-%d %H:%M} UTC, behind nothing that was made here")]


def _some(paths: Sequence[Path]) -> str:
    more = len(paths) - _SHOWN
    return ", ".join(map(str, paths[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _span(time: timedelta) -> str:
    if time >= timedelta(days=2):
        return f"{time.days} days"
    return f"{time.total_seconds() / 3600:.1f} h"
