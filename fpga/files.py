"""Files and links that appear whole or not at all: the one place of the command that writes a draft first."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> bool:
    """Puts the content at `path` in one step, with this mode; False if it was there already."""
    if path.is_file() and path.read_bytes() == content:
        return False
    draft = _draft(path, content)
    try:
        draft.chmod(mode)
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise
    return True


def link_whole(path: Path, target: Path) -> bool:
    """Has a symbolic link at `path` lead to the target, in one step; False if it did already."""
    if path.is_symlink() and path.readlink() == target:
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.symlink_to(target)
    draft.replace(path)
    return True


def require_place(path: Path) -> None:
    """Checks that a file can be written here, before the work whose outcome it is.

    Raises:
        OSError: its folder is missing or takes no files, or it is a folder itself.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a directory", str(path))
    try:
        _draft(path, b"").unlink()
    except OSError as error:
        # in the words of who named the file, and not of its draft
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_together(contents: Mapping[Path, bytes], *, overwrite: bool) -> None:
    """Puts each content at its path, readable by its owner alone: all of them, or none.

    Raises:
        FileExistsError: one of the files is there, and is not to be overwritten.
        OSError: one cannot be written; what was there is there again.
    """
    if not overwrite:
        for path in contents:
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, "is there already", str(path))
    drafts: list[Path] = []
    kept: list[tuple[Path, Path | None]] = []  # what is in place, and what was there before
    try:
        for path, content in contents.items():
            drafts.append(_draft(path, content))
        for path, draft in zip(contents, drafts, strict=True):
            kept.append((path, _set_aside(path)))
            draft.replace(path)
    except BaseException:
        for path, before in reversed(kept):
            if before is not None:
                before.replace(path)
            else:
                path.unlink(missing_ok=True)
        raise
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    for _, before in kept:
        if before is not None:
            before.unlink()


def _draft(path: Path, content: bytes) -> Path:
    """A file beside `path` with the content; none where that fails."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # its mode is 0600
    except OSError as error:
        error.filename = str(path)  # nobody asked for the draft
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except BaseException as error:
        Path(name).unlink()
        if isinstance(error, OSError):  # of a disk that is full, which names no file
            error.filename = str(path)
        raise
    return Path(name)


def _set_aside(path: Path) -> Path | None:
    """Moves the file at `path` aside: its new path; None if there was none. A folder is not a file."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a directory", str(path))
    if not os.path.lexists(path):
        return None
    aside = path.with_name(f".{path.name}.{os.getpid()}.before")
    path.replace(aside)
    return aside
