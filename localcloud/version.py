"""The version of this code: its number, and its commit. Standard library only, and no git is run.

The commit is what git's own files say beside the code, else what was noted when the package was installed
from a repository (PEP 610).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PACKAGE: Final = "fpga-web-service"
_ROOT: Final = Path(__file__).resolve().parent.parent
_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class Version:
    """A version.

    Attributes:
        number: such as 0.1.0; None where none is told.
        commit: in hexadecimal; None where it is not known.
    """

    number: str | None
    commit: str | None

    def __str__(self) -> str:
        if self.number is None:
            return "an unnamed version"
        return f"{self.number} (commit {self.commit[:10]})" if self.commit else self.number


UNTOLD: Final = Version(None, None)
"""The version of one that does not run, or tells none, as one of before there were versions."""


@cache
def here() -> Version:
    """The version of this very code, as it was when it was asked for first."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        installed = distribution(_PACKAGE)
    except PackageNotFoundError:
        return Version(None, commit_at(_ROOT))
    return Version(installed.version, commit_at(_ROOT) or _noted(installed.read_text("direct_url.json")))


def commit_at(checkout: Path) -> str | None:
    """The commit that is checked out in a folder; None where it is no work tree of git."""
    try:
        git = _git_folder(checkout / ".git")
        head = (git / "HEAD").read_text().strip()
        for _ in range(5):  # a reference may name another one
            if not head.startswith("ref: "):
                break
            head = _reference(git, head.removeprefix("ref: "))
    except (OSError, UnicodeDecodeError):
        return None
    return head if _COMMIT.fullmatch(head) else None


def _git_folder(git: Path) -> Path:
    """git's own folder: `.git` itself, or what the file `.git` of a further work tree names."""
    if git.is_dir():
        return git
    return git.parent / git.read_text().strip().removeprefix("gitdir: ")


def _reference(git: Path, name: str) -> str:
    """The content of a reference: a file of its own, here or in the folder that work trees share, else a
    line.
    """
    shared = git
    if (git / "commondir").is_file():
        shared = git / (git / "commondir").read_text().strip()
    for folder in (git, shared):
        if (folder / name).is_file():
            return (folder / name).read_text().strip()
    packed = shared / "packed-refs"
    for line in packed.read_text().splitlines() if packed.is_file() else ():
        commit, _, reference = line.partition(" ")
        if reference == name:
            return commit
    return ""


def _noted(direct_url: str | None) -> str | None:
    try:
        commit = json.loads(direct_url or "{}")["vcs_info"]["commit_id"]
    except (ValueError, KeyError, TypeError):
        return None
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None
