"""The folder of a new package: made whole, and nothing of somebody else's in it is overwritten."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from fpga.errors import CommandError
from fpga.files import write_together


def require(folder: Path, names: Mapping[str, bytes], *, force: bool) -> bool:
    """Whether these files are to be written; False: they are there already, just as they would be.

    Args:
        force: files of these names may be overwritten.

    Raises:
        CommandError: the folder holds anything else.
    """
    if not folder.exists() and not folder.is_symlink():
        return True
    if not folder.is_dir():
        raise CommandError(f"{folder} is no folder: name another one.")
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    others = sorted(there.keys() - names.keys())
    if others:
        raise CommandError(
            f"{folder} holds {', '.join(others[:8])}, which would be no part of the package: name another "
            "folder."
        )
    changed = sorted(name for name in there if not _is(there[name], names[name]))
    if changed and not force:
        raise CommandError(
            f"{folder} holds another {', '.join(changed)}: --force overwrites it, or name another folder."
        )
    return bool(changed) or there.keys() != names.keys()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files, all of them or none."""
    made = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    try:
        write_together({folder / name: content for name, content in files.items()}, overwrite=True)
    except BaseException:
        if made:
            shutil.rmtree(folder)
        raise


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
