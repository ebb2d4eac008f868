"""`fpga plan`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.commands.stack_option import Stack as StackName
from fpga.project import Project

if TYPE_CHECKING:
    from fpga.plan.model import Plan

_CHANGES = 2  # exit code of --exit-code


class Format(StrEnum):
    """The form in which the plan is printed."""

    table = "table"
    markdown = "markdown"
    json = "json"


def plan(
    stack: StackName,
    form: Annotated[
        Format, typer.Option("--format", help="For a terminal, for a pull request, for a program.")
    ] = Format.table,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the plan there as JSON, too: `fpga apply` takes it."),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Look at the cloud first, and tell what drifted.")
    ] = False,
    save_plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the engine's own plan there: `pulumi up --plan` takes it."),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"End with {_CHANGES} when there are changes, or drift.")
    ] = False,
) -> None:
    """Show what an update of a stack would do, and why. Nothing is changed, and no secret is shown.

    Exit codes: 0 shown, 1 refused or failed, 2 with --exit-code: there are changes (or bad usage).
    """
    from engine.report import ConsoleReport
    from fpga.files import require_place, write_whole
    from fpga.plan.runner import preview

    for file in (out, save_plan):
        if file is not None:
            require_place(file)
    report = ConsoleReport()
    with report.stage(f"plan of {stack}"):
        found = preview(
            Project.here(), stack, refresh=refresh, save_plan=save_plan, on_progress=report.progress
        )
    if out is not None:
        write_whole(out, f"{json.dumps(found.to_json(), indent=2)}\n".encode())
    _print(found, form)
    if not found.succeeded:
        raise typer.Exit(1)
    if exit_code and (found.changes or found.drift):
        raise typer.Exit(_CHANGES)


def _print(found: Plan, form: Format) -> None:
    if form is Format.json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    elif form is Format.markdown:
        from fpga.plan.markdown import render

        typer.echo(render(found), nl=False)
    else:
        from fpga.console import standard_output
        from fpga.plan import table

        table.show(found, standard_output())
