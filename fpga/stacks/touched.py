"""Which stacks a branch touches: those whose plan could differ from what the base has.

A stack's own files touch that stack alone. Whatever is not known to be without effect on a plan touches
every stack: a stack that is previewed in vain costs a minute, one that is forgotten costs a surprise.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from fpga.errors import CommandError

PROMOTION: Final = ("dev", "staging", "prod")
"""The order in which a change goes through the environments; stacks of other names come after them."""

_STACK_FILE: Final = re.compile(r"stacks/(?:Pulumi|Backend)\.(?P<stack>[A-Za-z0-9_.-]+)\.yaml")
_CONFIGURATION: Final = re.compile(r"stacks/Pulumi\.(?P<stack>[A-Za-z0-9_-]+)\.yaml")
_WITHOUT_EFFECT: Final = frozenset({"docs", "localcloud", "tests", "tools"})
_WITH_EFFECT: Final = ("localcloud", "featurizers")
"""Folders that neither the program nor what runs it knows: localcloud is met on the wire alone. What is in it
and has an effect: the default model package is built there."""

_FOR_PEOPLE: Final = frozenset({"LICENSE", ".gitignore", ".editorconfig", ".pre-commit-config.yaml"})
_FOLDERS_FOR_PEOPLE: Final = (".devcontainer/", ".github/ISSUE_TEMPLATE/")


def touched(checkout: Path, base: str) -> dict[str, list[str]]:
    """The committed stacks that HEAD touches since it left `base`, in the order of promotion.

    Returns:
        Stack -> the changed files that touch it, sorted.

    Raises:
        CommandError: `base` is unknown, or not related to HEAD; or HEAD has no stack at all.
    """
    _require(checkout, base)
    # Three dots: what the branch did since it left the base, and nothing that others did there since.
    changed = _git(checkout, "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD", "--")
    stacks = _git(checkout, "ls-tree", "--name-only", "-z", "HEAD", "stacks/")
    if not any(map(_CONFIGURATION.fullmatch, stacks)):
        raise CommandError(
            f"HEAD of {checkout} has no stack (stacks/Pulumi.STACK.yaml), so none that could be touched: "
            "commit one; `fpga stack new` writes it."
        )
    return attribute(stacks, changed)


def attribute(files: Iterable[str], changed: Iterable[str]) -> dict[str, list[str]]:
    """Changed files by the stack that each touches.

    Args:
        files: the files of `stacks/`, which tell what stacks there are.
        changed: paths from the checkout's root.
    """
    matches = (_CONFIGURATION.fullmatch(file) for file in files)
    stacks = in_order(match["stack"] for match in matches if match)
    found: dict[str, list[str]] = {stack: [] for stack in stacks}
    for file in sorted(changed):
        for stack in _touched_by(file, stacks):
            found[stack].append(file)
    return {stack: because for stack, because in found.items() if because}


def in_order(stacks: Iterable[str]) -> list[str]:
    """Stacks in the order in which a change goes through them."""
    rank: Mapping[str, int] = {stack: number for number, stack in enumerate(PROMOTION)}
    return sorted(set(stacks), key=lambda stack: (rank.get(stack, len(rank)), stack))


def _touched_by(file: str, stacks: list[str]) -> list[str]:
    own = _STACK_FILE.fullmatch(file)
    if own:
        return [own["stack"]] if own["stack"] in stacks else []
    path = PurePosixPath(file)
    if len(path.parts) > 1 and path.parts[0] in _WITHOUT_EFFECT and path.parts[:2] != _WITH_EFFECT:
        return []
    if path.suffix == ".md" or file in _FOR_PEOPLE or file.startswith(_FOLDERS_FOR_PEOPLE):
        return []
    return stacks


def _require(checkout: Path, base: str) -> None:
    """Says what is wrong with a base in words, where git's own would need to be known."""
    if base.startswith("-") or not _ask(checkout, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}"):
        raise CommandError(
            f"--base: there is no commit {base} in {checkout}. `git fetch origin` brings the branches of the "
            "remote; a shallow clone lacks history: `git fetch --unshallow`."
        )
    if not _ask(checkout, "merge-base", base, "HEAD"):
        raise CommandError(
            f"--base: {base} and HEAD have no commit in common. Choose the branch that this one started "
            "from; in a shallow clone, `git fetch --unshallow`."
        )


def _ask(checkout: Path, *arguments: str) -> bool:
    return _run(checkout, *arguments).returncode == 0


def _git(checkout: Path, *arguments: str) -> list[str]:
    """The names that a command with `-z` lists."""
    done = _run(checkout, *arguments)
    if done.returncode != 0:
        raise CommandError(f"git {arguments[0]} failed in {checkout}: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name]


def _run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(checkout), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError:
        raise CommandError("git is not installed: it tells what a branch changed.") from None
