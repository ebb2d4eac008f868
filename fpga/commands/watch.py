"""`fpga watch`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.commands.stack_option import Stack as StackName
from fpga.project import Project

if TYPE_CHECKING:
    from fpga.watch.report import Finding, Watch

_FOUND = 2  # exit code of --exit-code


class Format(StrEnum):
    """The form in which the findings are printed."""

    text = "text"
    markdown = "markdown"
    json = "json"


def watch(
    stack: StackName,
    form: Annotated[
        Format, typer.Option("--format", help="For a person, for an issue, for a program.")
    ] = Format.text,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the findings there as JSON, too: `fpga github issues` takes it."
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(help="Tell of a certificate with fewer days left.", min=0, max=3650)
    ] = 21,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"End with {_FOUND} when something is found.")
    ] = False,
) -> None:
    """Look for drift, changes that were never made, and certificates that are due or end soon.

    Nothing is changed, neither in the cloud nor in the state. Exit codes: 0 looked at, 1 it could not be
    looked at (which is a finding, too), 2 with --exit-code: something is found (or bad usage).
    """
    import datetime as dt

    from clients.azure.errors import ClientError
    from engine.report import ConsoleReport
    from fpga.errors import CommandError
    from fpga.files import require_place, write_whole
    from fpga.plan.redaction import Redaction
    from fpga.plan.runner import preview
    from fpga.stacks import backend
    from fpga.watch import findings as watching
    from infra.settings.reader import SettingsError

    if out is not None:
        require_place(out)
    project, report = Project.here(), ConsoleReport()
    backend.read(project, stack)  # a stack that is not there is no finding
    try:
        with report.stage(f"watch of {stack}"):
            looked = preview(project, stack, refresh=True, on_progress=report.progress)
            # drift and what was never made are told apart beside a plan of the state alone
            declared = preview(project, stack, on_progress=report.progress) if looked.changes else looked
    except (CommandError, ClientError, SettingsError) as error:
        told = Redaction.of(project).clean(str(error))
        found = watching.failed(stack, [told])
    else:
        found = watching.watched(declared, looked, dt.datetime.now(dt.UTC), days)
    if out is not None:
        write_whole(out, _json(found).encode())
    _print(found, form)
    if not found.is_whole:
        raise typer.Exit(1)
    if exit_code and found.findings:
        raise typer.Exit(_FOUND)


def _json(found: Watch) -> str:
    return json.dumps(found.to_json(), indent=2) + "\n"


def _print(found: Watch, form: Format) -> None:
    if form is Format.json:
        typer.echo(_json(found), nl=False)
        return
    if not found.findings:
        typer.echo(f"{found.stack}: nothing found.")
        return
    from fpga.plan.wording import part_title

    told = {one.service for one in found.findings}
    for name in sorted(told):
        if found.services:
            typer.echo(f"## {part_title(name)}\n" if form is Format.markdown else f"{part_title(name)}:\n")
        for one in found.findings:
            if one.service == name:
                _tell(one, form)
    if quiet := len(set(found.services) - told):
        has = "1 other service has no finding" if quiet == 1 else f"{quiet} other services have no findings"
        typer.echo(f"{has} of {'its' if quiet == 1 else 'their'} own.")


def _tell(one: Finding, form: Format) -> None:
    typer.echo(f"### {one.title}\n" if form is Format.markdown else one.title)
    for line in one.detail.splitlines():
        typer.echo(line if form is Format.markdown else f"  {line}".rstrip())
    typer.echo()
