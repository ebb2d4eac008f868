"""The files of a node that its replicas share: named by their SHA-256, fetched once, bounded in size."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from localcloud.placing.errors import PlacingError

LIMIT: Final = 8 * 1024 * 1024 * 1024
"""Most bytes of the files together: those that were used last stay."""

_FILES, _LOCKS, _IN_USE = "files", "locks", "in-use"


def folder_of_user() -> Path:
    """The folder of this user's cache on this machine."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "fpga-web-service" / "replicas"


class Cache:
    """The files of a folder that is this user's alone. Any number of processes may use it at a time.

    Args:
        folder: made where it is not there.
        limit: most bytes of the files together.

    Raises:
        PlacingError: others may write there.
        OSError: it cannot be made.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder, self._limit = folder, limit
        folder.parent.mkdir(parents=True, exist_ok=True)
        for made in (folder, *(folder / name for name in (_FILES, _LOCKS, _IN_USE))):
            made.mkdir(mode=0o700, exist_ok=True)
            found = made.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise PlacingError(
                    f"{made} must be a folder of this user's alone (mode 0700), for what is there is loaded: "
                    "move it away."
                )

    @contextmanager
    def in_use(self) -> Iterator[Path]:
        """A folder for files that are being loaded, which is gone afterwards; `link` puts them there.

        Those of processes that were killed go, too: what they hold would be beyond the limit.
        """
        with self._turn(_IN_USE, fcntl.LOCK_EX):
            for left in (self._folder / _IN_USE).iterdir():
                with suppress(BlockingIOError, FileNotFoundError), _held(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(left, ignore_errors=True)
            made = Path(tempfile.mkdtemp(dir=self._folder / _IN_USE))
            holding = ExitStack()
            holding.enter_context(_held(made, fcntl.LOCK_SH))
        with holding:
            try:
                yield made
            finally:
                shutil.rmtree(made)

    def link(self, digest: str, target: Path, fetch: Callable[[IO[bytes]], None]) -> None:
        """Has a file be at `target`, in a folder of `in_use`: the cache's, or one that is fetched now.

        Whoever else wants it waits, and has it then. One that is not of its digest is fetched anew.

        Args:
            fetch: writes the file.

        Raises:
            PlacingError: `fetch` does, or what it wrote is another file.
            OSError: it cannot be written.
        """
        path = self._folder / _FILES / digest
        with self._turn(digest, fcntl.LOCK_EX):
            if not _is(digest, path):
                path.unlink(missing_ok=True)
                self._fetch(digest, path, fetch)
            os.utime(path)
            target.hardlink_to(path)
        self._shrink()

    @staticmethod
    def _fetch(digest: str, path: Path, fetch: Callable[[IO[bytes]], None]) -> None:
        draft = path.with_name(f".{digest}")  # one of a process that was killed is written over
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                fetch(file)
            is_whole = _is(digest, draft)
            if is_whole:
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        if not is_whole:
            raise PlacingError(f"What was fetched as the file {digest} is another one.")

    def note(self, name: str, content: bytes) -> None:
        """Keeps a small file by its name."""
        draft = self._folder / f".{name}.{os.getpid()}"
        draft.write_bytes(content)
        draft.replace(self._folder / name)

    def noted(self, name: str) -> bytes | None:
        """What `note` kept last; None: nothing."""
        with suppress(FileNotFoundError):
            return (self._folder / name).read_bytes()
        return None

    def _shrink(self) -> None:
        """Removes what was used least lately, until the rest is within the limit."""
        found = []
        for path in (self._folder / _FILES).iterdir():
            with suppress(FileNotFoundError):
                told = path.stat()
                found.append((told.st_mtime_ns, told.st_size, path))
        size = sum(one[1] for one in found)
        for _, own, path in sorted(found)[:-1]:  # the last one is needed, whatever its size
            if size <= self._limit:
                return
            with (
                suppress(BlockingIOError),
                self._turn(path.name.removeprefix("."), fcntl.LOCK_EX | fcntl.LOCK_NB),
            ):
                path.unlink(missing_ok=True)
                size -= own

    @contextmanager
    def _turn(self, digest: str, how: int) -> Iterator[None]:
        """Holds the lock of a file, which it shares with others: there are 256."""
        lock = self._folder / _LOCKS / digest[:2]
        lock.touch(0o600)
        with _held(lock, how):
            yield


@contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    """Holds the lock of a file or folder (flock(2)), which the end of the process lets go of, too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _is(digest: str, path: Path) -> bool:
    """Whether a file has this digest."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except FileNotFoundError:
        return False
