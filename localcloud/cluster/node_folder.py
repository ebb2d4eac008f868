"""The folder of a machine that is of a cluster: its membership, log, lock, and of a head its store."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcloud import file_lock, waiting
from localcloud.errors import StartError

MEMBERSHIP: Final = "node.json"
LOCK: Final = "node.lock"
LOG: Final = "node.log"
PID: Final = "node.pid"
UP: Final = "node.up"
"""Is there while this machine is of the cluster, as far as Ray here knows."""
REFUSAL: Final = "cannot join: "
"""Begins the last words of a process that could not."""
_SESSIONS: Final = "session_20*"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the folder inside the block, with this process's number in it.

    Raises:
        StartError: another process holds it.
    """
    refusal = f"another process has this machine joined already, with --data {folder}."
    with file_lock.held(folder / LOCK, refusal):
        (folder / PID).write_text(f"{os.getpid()}\n")
        yield


def holder(folder: Path) -> int | None:
    """The process that holds a folder; None: none does.

    Raises:
        StartError: it does not say its number.
    """
    found: int | None = None

    def named() -> bool:
        nonlocal found
        with contextlib.suppress(OSError, ValueError):
            number = int((folder / PID).read_text())
            if number > 1 and b"localcloud.cluster.node" in Path(f"/proc/{number}/cmdline").read_bytes():
                found = number
        return found is not None

    if not waiting.until(lambda: not is_held(folder) or named(), file_lock.PATIENCE_S):
        raise StartError(
            f"Somebody holds {folder / LOCK} (`fuser` tells who), and {folder / PID} does not say who."
        )
    return found


def is_held(folder: Path) -> bool:
    """Whether a process has this machine joined by this folder."""
    return file_lock.is_held(folder / LOCK)


def temporary(folder: Path) -> Path:
    """The folder of Ray's sockets and logs, whose paths may have 107 bytes (unix(7)); its owner's alone."""
    mark = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:8]
    return Path(f"/tmp/fpga-ray-{os.geteuid()}-{mark}")  # noqa: S108 - refused where another user has made it


@contextlib.contextmanager
def made(place: Path) -> Iterator[None]:
    """Has that folder be there, empty, inside the block.

    Raises:
        StartError: it is another user's, or no folder.
    """
    with contextlib.suppress(OSError):
        shutil.rmtree(place)
    try:
        place.mkdir(mode=0o700)
    except OSError as error:
        raise StartError(f"{place} cannot be made ({error.strerror}): have its owner remove it.") from None
    try:
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


def for_ray(place: Path) -> Path:
    """The folder in it that Ray opens to everybody; of what was in it, the last logs alone stay."""
    found = place / "ray"
    # Ray refuses to start a head where this names it, and another of its processes has its address
    (found / "ray_current_cluster").unlink(missing_ok=True)
    for session in sorted(found.glob(_SESSIONS))[:-1]:
        shutil.rmtree(session, ignore_errors=True)
    return found
