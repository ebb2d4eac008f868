"""`fpga doctor`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.project import Project

if TYPE_CHECKING:
    from fpga.doctor.finding import Finding


class Format(StrEnum):
    """The form of the findings: for a person, or for a program."""

    TEXT = "text"
    JSON = "json"


def doctor(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="Form of the findings.")] = Format.TEXT,
) -> None:
    """Look at all that can be wrong on this machine, and tell what to do about it.

    Nothing is changed, and nothing beyond this machine is asked. Ends with 1 where something cannot work;
    what is a warning works, and may surprise.
    """
    from fpga.caller import Caller, unsettled
    from fpga.console import told_when_long
    from fpga.doctor import examination
    from fpga.doctor.finding import Standing

    caller = context.find_root().obj
    project = Project.here()
    with told_when_long("doctor", "this machine is looked at") as tell:
        given = caller if isinstance(caller, Caller) else unsettled()
        found = list(examination.findings(project, given, tell))
    is_healthy = all(one.standing is not Standing.ERROR for one in found)
    if form is Format.JSON:
        told = {"healthy": is_healthy, "findings": [asdict(one) for one in found]}
        typer.echo(json.dumps(told, indent=2))
    else:
        _show(found)
    if not is_healthy:
        raise typer.Exit(1)


def _show(found: Sequence[Finding]) -> None:
    from rich.text import Text

    from fpga.console import show_rows, standard_output
    from fpga.doctor.finding import Standing

    marks = {
        Standing.FINE: Text("fine", "green"),
        Standing.WARNING: Text("warning", "yellow"),
        Standing.ERROR: Text("error", "red"),
    }
    rows = []
    for one in found:
        rows.append((marks[one.standing], Text(one.check, "bold"), Text(one.told)))
        if one.remedy:
            rows.append((Text(), Text(), Text(f"→ {one.remedy}", "cyan")))
    show_rows(standard_output(), rows)
    counts = {kind: sum(one.standing is kind for one in found) for kind in Standing}
    errors, warnings = counts[Standing.ERROR], counts[Standing.WARNING]
    typer.echo(f"\n{errors} errors, {warnings} warnings, {counts[Standing.FINE]} fine.")
