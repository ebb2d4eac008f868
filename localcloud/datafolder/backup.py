"""A backup of a data folder: one tar file, taken while its localcloud serves, restored into a new folder.

Writers of the database wait while it is captured, which takes as long as copying the database and linking
the files beside it. What is captured is then the state of one instant: packages are there as long as their
rows are, and blobs change no row. The tar file is written from the links afterwards, while all goes on.

The last member is a list of the others with their SHA-256: a file that was cut is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from localcloud.access import audit
from localcloud.authority import CA_KEY, NEXT_CA_KEY, SERVER_CERTIFICATE, SERVER_KEY
from localcloud.blob import azurite
from localcloud.certificate.acme_state import FILE as ACME
from localcloud.certificate.trusted import ROOTS, SHOWN
from localcloud.datafolder import encryption, folder, lock, look, mark, owner, usable
from localcloud.datafolder.mark import Mark
from localcloud.errors import LocalcloudError
from localcloud.identity.federation import FILE as FEDERATION
from localcloud.ports import PORTS_FILE
from localcloud.settings import BLOBS, CA_CERTIFICATE, CLIENT_SECRET, DATABASE, LOCK, PACKAGES
from surroundings import json_text

Progress = Callable[[str], None]

_LIST: Final = "backup.json"
_FORMAT: Final = 1
_FILES: Final = (
    CA_CERTIFICATE,
    CA_KEY,
    NEXT_CA_KEY,
    SERVER_CERTIFICATE,
    SERVER_KEY,
    CLIENT_SECRET,
    ACME,
    SHOWN,
    ROOTS,
    PORTS_FILE,
    FEDERATION,
)
_LOCK_TIMEOUT_S: Final = 20.0
_CHUNK: Final = 1 << 20


class BackupError(LocalcloudError):
    """A backup that cannot be taken or restored; nothing was changed."""


def write(data: Path, file: Path, progress: Progress) -> int:
    """Writes a backup, readable by its owner alone: whole, or not at all.

    Args:
        data: a data folder, whose localcloud runs or does not.
        file: the tar file; one that is there is not replaced.
        progress: told how far it is.

    Returns:
        The size of the file in bytes.

    Raises:
        BackupError: there is no localcloud's data, or the file cannot be written.
        StartError: the data folder is damaged.
    """
    if os.path.lexists(file):
        raise BackupError(f"{file} is there already: name a new file.")
    usable.require(data)
    if not (data / DATABASE).is_file():
        raise BackupError(f"{data} holds no localcloud's data: name its folder with --data.")
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with (
            _steady(data),
            owner.kept(data),
            tempfile.TemporaryDirectory(prefix=".backup-", dir=data) as captured,
        ):
            audit.note(data, "backup", file=str(file))
            progress("capturing")
            _capture(data, Path(captured))
            _pack(Path(captured), draft, progress)
        draft.rename(file)
        _sync_folder(file.parent)
    except OSError as error:
        if _is_in(data, error.filename):
            with usable.told(data):
                raise
        raise BackupError(
            f"{file} cannot be written ({error.strerror}): name a file in a folder that takes it, with room "
            f"on its disk; {data} needs as much room for a moment."
        ) from None
    except sqlite3.Error:
        with usable.told(data):
            raise
    finally:
        with contextlib.suppress(OSError):  # its folder is none
            draft.unlink(missing_ok=True)
    return file.stat().st_size


def restore(file: Path, data: Path, progress: Progress) -> str | None:
    """Makes a data folder of a backup: whole, or not at all.

    Args:
        file: the tar file of a backup.
        data: the folder to make; an empty one may be there.
        progress: told how far it is.

    Returns:
        The ID of the operator's key that its secrets are encrypted with; None: they are in clear.

    Raises:
        BackupError: the folder holds something, or the file is damaged or no backup.
        StartError: what is in the backup does not fit together.
    """
    with usable.told(data):
        if os.path.lexists(data) and not (data.is_dir() and not any(data.iterdir())):
            raise BackupError(
                f"{data} holds something: a backup is restored into a new or empty folder alone. "
                "Name one with --data."
            )
    try:
        data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{data.name}.", dir=data.parent) as draft:
            unpacked = Path(draft) / "data"
            unpacked.mkdir(mode=0o700)
            _unpack(file, unpacked, progress)
            (unpacked / LOCK).touch(mode=0o600)
            folder.checked(unpacked)
            key_id = encryption.key_id(unpacked)
            audit.note(unpacked, "restore", file=str(file))
            if data.is_dir():
                owner.give((unpacked, *unpacked.rglob("*")), data.stat())
            unpacked.rename(data)
            _sync_folder(data.parent)
            return key_id
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{file} is no backup, or is damaged: {error}.") from None
    except OSError as error:
        raise BackupError(
            f"{file} cannot be restored into {data} ({error.strerror}): name the file of a backup that you "
            "may read, and with --data a folder that you may make, with room on its disk."
        ) from None


def _is_in(data: Path, filename: object) -> bool:
    return isinstance(filename, str) and data in Path(filename).parents


@contextlib.contextmanager
def _steady(data: Path) -> Iterator[None]:
    """Nobody begins to serve the folder inside the block, unless somebody does already."""
    if lock.is_held(data):
        yield
        return
    with lock.held(data):
        folder.checked(data)
        yield


def _capture(data: Path, captured: Path) -> None:
    """Copies the database and links what fits it, while its writers wait."""
    opened = contextlib.closing(
        sqlite3.connect(data / DATABASE, isolation_level=None, timeout=_LOCK_TIMEOUT_S)
    )
    with opened as writers:
        writers.execute("BEGIN IMMEDIATE")
        with contextlib.closing(sqlite3.connect(captured / DATABASE)) as copy:
            with contextlib.closing(sqlite3.connect(data / DATABASE)) as source:
                source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # all of it in one file
        # lists after the files that they name, which only grow, and files once more: some are new
        for _ in range(2):
            _link_all(data / BLOBS / azurite.EXTENTS, captured / BLOBS / azurite.EXTENTS)
            for name in azurite.LISTS:
                _link(data / BLOBS / name, captured / BLOBS / name)
        _link_all(data / PACKAGES, captured / PACKAGES, "*.zip")
        for name in _FILES:
            if not (data / name).is_symlink():  # as of a secret that is in memory alone
                _link(data / name, captured / name)
        _link_all(data, captured, f"{audit.FILE}*")
        writers.execute("ROLLBACK")
    found = look.at(captured / DATABASE)
    if found.folder is None:
        raise BackupError(
            f"The localcloud of {data} is of an earlier version: stop it with `fpga cloud down`, start it "
            "with `fpga cloud up`, then try again."
        )
    mark.write(captured, Mark(found.folder, found.commits))
    if found.half_encrypted:
        raise BackupError(
            f"{data} is on the way into or out of encryption, and was cut off there: start it with its key, "
            "then try again."
        )
    for name in (PACKAGES, BLOBS):
        mark.write(captured / name, Mark(found.folder))


def _link_all(folder: Path, captured: Path, pattern: str = "*") -> None:
    for file in folder.glob(pattern):
        if file.is_file():
            _link(file, captured / file.name)


def _link(file: Path, captured: Path) -> None:
    """Holds a file that is replaced or grows, and is never written anew; one that is gone is passed by."""
    captured.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        try:
            os.link(file, captured)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            shutil.copyfile(file, captured)


def _pack(captured: Path, draft: Path, progress: Progress) -> None:
    files = sorted(path for path in captured.rglob("*") if path.is_file())
    listed: dict[str, str] = {}
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for number, path in enumerate(files, 1):
                name = path.relative_to(captured).as_posix()
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    progress(f"file {number} of {len(files)}: {name}, {size / 1e6:.1f} MB")
                    read = _Hashed(file)
                    tar.addfile(_member(name, size), read)
                listed[name] = read.digest
            content = json.dumps({"format": _FORMAT, "files": listed}, indent=2).encode()
            tar.addfile(_member(_LIST, len(content)), io.BytesIO(content))
        written.flush()
        os.fsync(written.fileno())


def _unpack(file: Path, target: Path, progress: Progress) -> None:
    found: dict[str, str] = {}
    content = b""
    with tarfile.open(file) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if not member.isfile() or path.is_absolute() or ".." in path.parts or member.name in found:
                raise ValueError(f"it holds {member.name!r}")
            packed = tar.extractfile(member)
            assert packed is not None  # noqa: S101 - it is a file
            if member.name == _LIST:
                content = packed.read()
                continue
            progress(f"{member.name}, {member.size / 1e6:.1f} MB")
            found[member.name] = _unpack_file(packed, target / path)
    listed = json_text.loads(content or b"{}")
    if listed.get("format", _FORMAT) != _FORMAT:
        raise ValueError(f"it is of format {listed['format']}, and this localcloud knows {_FORMAT}")
    if listed.get("files") != found:
        raise ValueError("it does not hold what it lists")


def _unpack_file(packed: IO[bytes], path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    read = _Hashed(packed)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(read, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
    return read.digest


class _Hashed:
    """A reader that hashes what is read through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._hash.update(content)
        return content

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
