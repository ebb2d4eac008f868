"""The `pulumi` command of a checkout as `fpga` runs it: nobody is asked, and nothing is coloured."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fpga.errors import CommandError
from fpga.project import Project

PLAIN: Final = ("--non-interactive", "--color", "never")
TORN: Final = "failed to load checkpoint: place 1"
"""What it says of a state that is no JSON (pulumi 3.250)."""
RECOVER: Final = "`fpga state recover -s {stack}` puts the newest whole copy of the state in its place."


def executable(project: Project) -> str:
    """Where the command is, once `fpga up` or `make engine` has installed it."""
    return str(project.local / "bin" / "pulumi")


def run(
    project: Project,
    environment: Mapping[str, str],
    *arguments: str,
    stdin: str | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs it to its end, whatever its exit code; it ends with its caller on an interrupt.

    Args:
        environment: all variables that it gets.
        stdin: what it reads; None: nothing.
        folder: where it runs; None: the checkout.

    Raises:
        CommandError: there is no engine in the checkout.
    """
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    try:
        return subprocess.run(
            [executable(project), *arguments, *PLAIN],
            cwd=folder or project.checkout,
            env=dict(environment),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **given,
        )
    except FileNotFoundError:
        raise not_installed(project) from None


def not_installed(project: Project) -> CommandError:
    """The message where there is no such command."""
    return CommandError(
        f"The engine is not installed in {project.local}: run `make up` (or `fpga up`) first."
    )
