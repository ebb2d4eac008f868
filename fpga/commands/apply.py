"""`fpga apply`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.commands.stack_option import Stack as StackName
from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from fpga.plan.model import Plan


def apply(
    stack: StackName,
    reviewed: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `fpga plan --out` wrote: nothing is done that is not in it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Plan, and do what was planned: with --reviewed only if it is what was reviewed.

    The update is held to the plan that was just made; what would go beyond it stops.
    """
    from engine.report import ConsoleReport
    from fpga.plan import wording
    from fpga.plan.runner import preview
    from fpga.stacks import backend, pending
    from fpga.stacks.stack import Stack

    if reviewed is None and not yes and not sys.stdin.isatty():
        raise CommandError("Nobody is there to be asked: give --yes, or --reviewed with a reviewed plan.")
    accepted = _read(reviewed) if reviewed is not None else None
    project = Project.here()
    report = ConsoleReport()
    with tempfile.TemporaryDirectory(prefix="fpga-plan-") as folder:
        saved = Path(folder) / "plan.json"
        with report.stage(f"plan of {stack}"):
            plan = preview(project, stack, save_plan=saved, on_progress=report.progress)
            # a preview says nothing of what is pending
            if plan.succeeded and not plan.does_nothing and pending.settle(project, stack, report.note):
                plan = preview(project, stack, save_plan=saved, on_progress=report.progress)
        if not plan.succeeded:
            _show(plan)
            raise CommandError(f"The stack {stack} cannot be updated; nothing was changed.")
        if accepted is not None:
            _require_reviewed(accepted, plan)
        if plan.does_nothing:
            typer.echo(f"{stack}: there is nothing to do.")
            return
        _show(plan)
        if accepted is None and not yes and not typer.confirm(f"Do this to {stack}?"):
            raise CommandError("Nothing was changed.")
        with report.stage(f"update of {stack}"):
            Stack(project, stack, backend.environment(project, stack)).up(report.progress, plan=saved)
        typer.echo(f"{stack}: done, as planned ({wording.todo(plan)}).")


def _show(plan: Plan) -> None:
    from fpga.console import standard_output
    from fpga.plan import table

    table.show(plan, standard_output())


def _read(file: Path) -> Plan:
    from fpga.plan.model import Plan
    from surroundings import json_text

    try:
        return Plan.from_json(json_text.loads(file.read_bytes()))
    except ValueError:
        raise CommandError(f"{file} is not JSON: `fpga plan --out FILE` writes a plan.") from None
    except CommandError as error:
        raise CommandError(f"{file}: {error}") from None


def _require_reviewed(reviewed: Plan, plan: Plan) -> None:
    from fpga.plan.departures import already_done, departures

    found = departures(reviewed, plan)
    if found:
        raise CommandError(
            "\n  - ".join((f"{plan.stack}: this is not what was reviewed, and nothing was changed:", *found))
            + "\nPlan anew, and have that reviewed."
        )
    done = already_done(reviewed, plan)
    if done:
        typer.echo(f"{plan.stack}: {done} of {len(reviewed.changes)} reviewed changes are done already.")
