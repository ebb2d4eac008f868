"""`fpga completion`."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Final

import typer

VARIABLE: Final = "_FPGA_COMPLETE"
"""Is set by the shell's function when it asks."""


class Shell(StrEnum):
    """A shell that completes command lines."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that reads it.", show_default=False)],
) -> None:
    """Print what has a shell complete commands, options and stacks of fpga.

    For bash: `source <(fpga completion bash)`, in ~/.bashrc; for zsh the same, after compinit; for fish:
    `fpga completion fish > ~/.config/fish/completions/fpga.fish`.
    """
    # typer's own templates, which it offers by no public name
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="fpga", complete_var=VARIABLE, shell=shell.value))


def prepare() -> None:
    """Has typer answer a shell that asks for what goes on, if one does."""
    if VARIABLE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
