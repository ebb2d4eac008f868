"""A per-user cache of things slow to make: the CLI's build, toolchains from PyPI, npm packages, models.

An entry is a folder that appears whole or not at all: it is built beside its place and renamed into it. Its
name carries whatever its content depends on (versions, the hash of a lock file), so an entry never goes
stale.

A cache that somebody else made, and that this user may only read, is used as it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.errors import EngineError
from engine.report import Report

NAME = "fpga-web-service"
_DENIED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def root() -> Path:
    """The cache's folder: `$FPGA_CACHE`, else `fpga-web-service` under `$XDG_CACHE_HOME` or `~/.cache`.

    Raises:
        EngineError: none of them is set, and the system knows no home of this user.
    """
    if own := os.environ.get("FPGA_CACHE"):
        return Path(own).expanduser().absolute()
    # The XDG base directory specification: a relative path in the variable is to be ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / NAME
    try:
        return Path.home() / ".cache" / NAME
    except RuntimeError:
        raise EngineError(
            "This user has no home folder: set HOME to one, or FPGA_CACHE to a folder for what is made once "
            "for all checkouts."
        ) from None


def find(name: str) -> Path | None:
    """The finished entry `name`, or None where there is none that this user may read."""
    entry = root() / name
    try:
        os.scandir(entry).close()
    except OSError:
        return None
    return entry


def ensure(name: str, build: Callable[[Path], None], report: Report) -> Path:
    """The entry `name`, made by `build` where it is missing.

    `build` gets an empty folder to fill. Where it raises, or the process dies, no entry is left; of two
    processes that want the same entry one builds and the other waits for it.

    Raises:
        EngineError: it is missing, and this user may not write to the cache.
    """
    if entry := find(name):
        return entry
    folder = root()
    with _locked(name, report):
        if entry := find(name):
            return entry
        # Only the holder of the lock builds this entry, so what an earlier one left behind is waste.
        for stale in folder.glob(f".{name}.building-*"):
            remove(stale)
        building = Path(tempfile.mkdtemp(prefix=f".{name}.building-", dir=folder))
        try:
            build(building)
            building.rename(folder / name)
        except BaseException:
            remove(building)
            raise
    return folder / name


def explained(name: str, error: OSError) -> Exception:
    """The error to raise where `error` kept the entry `name` from being made: words, if a right lacks."""
    if error.errno not in _DENIED:
        return error
    folder = shlex.quote(str(root()))
    return EngineError(
        f"The cache {folder} has no {name} that this user can read, and takes no files of theirs "
        f"({error.strerror}). Have its owner make it (`FPGA_CACHE={folder} make up`) and share it "
        f"(`chmod -R a+rX {folder}`), or let FPGA_CACHE name a folder of your own."
    )


@contextmanager
def _locked(name: str, report: Report) -> Iterator[None]:
    path = root() / f".{name}.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise explained(name, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.note(f"Another process is making the same part: waiting for it ({path}).")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back


def remove(folder: Path) -> None:
    """Removes `folder` with its read-only parts (Go keeps modules in folders without write permission)."""

    def writable_first(operation: Callable[[str], object], path: str, _error: object) -> None:
        os.chmod(Path(path).parent, 0o700)  # noqa: PTH101 - the parent of what could not be removed
        operation(path)

    shutil.rmtree(folder, onerror=writable_first)
