"""The executables that the engine starts, as small shell scripts: each runs a module of this project."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from engine import activation

MARK = "# made by fpga-web-service"


def launcher(module: str, *arguments: str | Path) -> str:
    """A script that runs `module` with `arguments` and then its own.

    The shell leaves the process to Python, so that the engine's signals reach it. `-P` keeps the working
    folder, which is the program's, from shadowing modules, and `-E` what PYTHONPATH names; text is UTF-8.
    """
    python = [str(activation.python()), "-E", "-P", "-X", "utf8", "-u"]
    command = shlex.join([*python, "-m", module, *map(str, arguments)])
    return f'#!/bin/sh\n{MARK}\nexec {command} "$@"\n'


def is_ours(executable: Path) -> bool:
    """Whether `executable` is such a script."""
    with executable.open("rb") as file:
        return MARK.encode() in file.read(200)


def write(path: Path, text: str, mode: int = 0o700) -> None:
    """Puts `text` at `path` in one step, where it is not there already."""
    if (
        path.is_file()
        and not path.is_symlink()
        and path.read_text() == text
        and path.stat().st_mode & 0o777 == mode
    ):
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    beside.chmod(mode)
    beside.replace(path)
