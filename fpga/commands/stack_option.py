"""`--stack`: the stack that a command acts on. The same for all of them.

What is given goes first, then what the shell is activated for, then `local`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from fpga.errors import CommandError
from fpga.project import DEFAULT_STACK, PROJECT

# The first selects a stack for the activation, which sets the second, and pulumi reads that one itself.
VARIABLES: Final = ("FPGA_STACK", "PULUMI_STACK")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ORGANIZATION: Final = "organization"  # the only one that a backend without a service has, by pulumi's word


def activated(environ: Mapping[str, str] = os.environ) -> str | None:
    """The stack that the shell is activated for, as the variable has it; None: no other than `local`."""
    return next((environ[name] for name in VARIABLES if environ.get(name)), None)


def plain_name(written: str) -> str:
    """A stack's name, as `pulumi` takes it: NAME, organization/NAME or organization/PROJECT/NAME.

    What is no name of any kind is given back as it is.

    Raises:
        CommandError: it is of another organization or project.
    """
    *before, name = written.split("/")
    if before in ([], [_ORGANIZATION], [_ORGANIZATION, PROJECT]):
        return name
    if not all(map(_NAME.fullmatch, before)):
        return written  # such as ../dev: no name, which who uses it says
    raise CommandError(
        f"'{written}' is no stack of this project: its states are where there is no organization but "
        f"'{_ORGANIZATION}', and the project is {PROJECT}. Give the name alone: {name or 'dev'}."
    )


def _chosen(context: typer.Context, value: str) -> str:
    """Reads the option; tells the stack where the command line itself does not."""
    name = plain_name(value)
    # it acts on none, or a shell only completes the line
    if context.params.get("endpoint") or context.resilient_parsing:
        return name
    given = context.get_parameter_source("stack")
    if given is not None and given.name == "DEFAULT" and activated() is not None:
        variable = next(one for one in VARIABLES if os.environ.get(one))
        typer.echo(f"Stack: {name} ({variable})", err=True)
    return name


def default() -> str:
    """The stack that a command acts on where none is named."""
    return activated() or DEFAULT_STACK


def named(incomplete: str) -> list[str]:
    """The stacks of the checkout that a name could go on to, by their files; no engine is asked."""
    from fpga.project import Project

    folder = Project.here().stack_file(DEFAULT_STACK).parent
    names = {file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in folder.glob("Pulumi.*.yaml")}
    there = {name for name in names if not name.endswith(".template")} | {DEFAULT_STACK}
    return sorted(name for name in there if name.startswith(incomplete))


Stack = Annotated[
    str,
    typer.Option(
        "--stack",
        "-s",
        metavar="STACK",
        help="Stack to act on.",
        default_factory=default,
        show_default="the shell's, or local",
        callback=_chosen,
        autocompletion=named,
    ),
]
