"""A state that is torn in its folder, and the newest of the copies beside it that is whole.

The CLI puts each file in place whole, but does not wait for the disk: where a machine dies, a file may be
empty, cut off or full of zeros afterwards. It keeps copies: the state of one step before (`.bak`), and those
of the ends of updates (`.pulumi/backups`, `.pulumi/history`; pulumi 3.250, `backend/diy/state.go`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.state_url import folder_of
from fpga.errors import CommandError
from fpga.files import write_whole
from fpga.project import PROJECT
from fpga.stacks import backend
from fpga.stacks.lock import locks
from fpga.stacks.state_container import StateContainer
from surroundings import json_text

if TYPE_CHECKING:
    from fpga.project import Project


def recover(project: Project, stack: str, tell: Callable[[str], object]) -> None:
    """Puts the newest whole copy of a torn state in its place; the torn one is kept beside it.

    Args:
        tell: takes each line for a person.

    Raises:
        CommandError: the state is not in a folder or not there, no copy is whole, or a run may be at work.
    """
    declared = backend.read(project, stack)
    if StateContainer.parse(declared.url, os.environ) is not None:
        raise CommandError(
            f"The state of the stack {stack} is in blob storage, where what is written is there whole or not "
            "at all. An earlier one is a version of its blob, where the account keeps these."
        )
    variables = backend.environment(project, stack)
    state = folder_of(declared.url) / ".pulumi"
    file = state / "stacks" / PROJECT / f"{stack}.json"
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise CommandError(f"There is no state of the stack {stack}: {file} is not there.") from None
    if resources(content) is not None:
        tell(f"The state of the stack {stack} is whole: there is nothing to recover.")
        return
    held = [lock for lock in locks(declared.url, stack, variables) if not lock.is_dead]
    if held:
        raise CommandError(
            f"The stack {stack} is locked by {held[0]}: if that run has surely ended, "
            f"`fpga state unlock -s {stack}` gives the lock back."
        )
    found = _newest_whole(state, stack)
    if found is None:
        raise CommandError(
            f"{file} is torn, and so is each copy beside it: what there is of the stack {stack} in the cloud "
            f"comes into a new state by `fpga adopt -s {stack}`. Move the file away, and run "
            f"`fpga state init -s {stack}` before."
        )
    copy, whole = found
    torn = file.with_name(f"{file.name}.torn")
    write_whole(torn, content)
    write_whole(file, whole)
    when = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
    number = len(resources(whole) or ())
    tell(f"Taken: {copy.relative_to(state)}, of {when:%Y-%m-%d %H:%M:%S} UTC, with {number} resources.")
    tell(f"Kept: what was torn, as {torn}.")
    tell(
        f"What was done after that is not in it: `fpga state settle -s {stack}`, then "
        f"`fpga adopt -s {stack}` and `pulumi refresh -s {stack}` bring it in."
    )


def resources(content: bytes) -> list[Any] | None:
    """The resources of a state's file; None: it is torn."""
    try:
        told = json_text.loads(content)
        latest = told["checkpoint"].get("latest") or {}
        return list(latest.get("resources") or ())
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _newest_whole(state: Path, stack: str) -> tuple[Path, bytes] | None:
    """The newest copy of a stack's state that is whole, and its content."""
    files = [
        *state.glob(f"stacks/{PROJECT}/{stack}.json.bak"),
        *state.glob(f"backups/{PROJECT}/{stack}/*.json"),
        *state.glob(f"history/{PROJECT}/{stack}/*.checkpoint.json"),
    ]
    for file in sorted(files, key=lambda one: one.stat().st_mtime, reverse=True):
        content = file.read_bytes()
        if resources(content) is not None:
            return file, content
    return None
