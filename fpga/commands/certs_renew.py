"""`fpga certs renew`."""

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
    from datetime import datetime

    from fpga.certificates.renewal import IssuedCertificate
    from fpga.plan.model import Plan
    from fpga.stacks.stack import Stack


def renew(
    stack: StackName,
    early: Annotated[
        bool,
        typer.Option(
            "--early", help="Renew it before it is due: raises certificateGeneration in the stack's settings."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; what is more than the renewal is refused.")
    ] = False,
) -> None:
    """Renew the certificate of a stack that has it issued (self_signed, acme), when it is due.

    Shows the certificate in force and what would change, asks, and deploys. What is not due is left as it is.

    Exit codes: 0 renewed, or not due; 1 refused or failed; 2 bad usage.
    """
    from datetime import UTC, datetime

    from fpga.certificates.renewal import SOURCE, IssuedCertificate, generation_of, not_due
    from fpga.stacks import backend
    from fpga.stacks.stack import Stack

    project, now = Project.here(), datetime.now(UTC)
    deployed = Stack(project, stack, backend.environment(project, stack))
    settings = deployed.configuration()
    issued = IssuedCertificate.of(stack, settings.get(SOURCE, "files"), deployed.resources())
    typer.echo(f"{'stack':<10}  {stack}")
    _show(issued, now)
    reason = issued.reason(generation_of(settings), now)
    if reason is None and not early:
        typer.echo(not_due(issued))
        return
    typer.echo(f"Due: {reason}." if reason else "Not due yet: --early renews it all the same.")
    if not yes and not sys.stdin.isatty():
        raise CommandError(
            "There is nobody to ask: run it with --yes, or in a terminal. Nothing was changed."
        )
    # a generation that an earlier run, or a pull request, has raised is reached by this renewal
    raised = issued.generation + 1 if reason is None else None
    _deploy(project, stack, deployed, raised, ask=not yes)
    renewed = IssuedCertificate.of(stack, issued.source, deployed.resources())
    if renewed.pem == issued.pem:
        raise CommandError(
            f"The stack {stack} was updated, and its certificate is the one of before: "
            f"`fpga plan -s {stack}` shows what is left to do."
        )
    typer.echo("\nRenewed.")
    _show(renewed, datetime.now(UTC))


def _deploy(project: Project, name: str, stack: Stack, raised: int | None, *, ask: bool) -> None:
    """Plans, asks and updates. The stack's settings are put back unless the update begins."""
    from engine.report import ConsoleReport
    from fpga.certificates.renewal import GENERATION
    from fpga.console import standard_output
    from fpga.plan import table
    from fpga.plan.runner import preview

    report, file = ConsoleReport(), project.stack_file(name)
    before, agreed = file.read_bytes(), False
    with tempfile.TemporaryDirectory(prefix="fpga-plan-") as folder:
        saved = Path(folder) / "plan.json"
        try:
            if raised is not None:
                stack.configure({GENERATION: str(raised)}, {})
            with report.stage(f"plan of {name}"):
                plan = preview(project, name, save_plan=saved, on_progress=report.progress)
            table.show(plan, standard_output())
            agreed = _agreed(plan, ask=ask)
        finally:
            if raised is not None and not agreed:
                file.write_bytes(before)
        if not agreed:
            typer.echo("Nothing was changed.")
            raise typer.Exit(1)
        if raised is not None:
            typer.echo(
                f"{GENERATION} is {raised} now, in {file}: if that file is committed, commit this, too."
            )
        with report.stage(f"update of {name}"):
            stack.up(report.progress, plan=saved)


def _agreed(plan: Plan, *, ask: bool) -> bool:
    from fpga.certificates.renewal import beyond_renewal

    if not plan.succeeded:
        raise CommandError(f"The stack {plan.stack} cannot be updated. Nothing was changed.")
    if not plan.changes:
        raise CommandError("The plan shows no change: somebody else has renewed it meanwhile.")
    beyond = ", ".join(f"{one.name} ({one.operation})" for one in beyond_renewal(plan.changes))
    if beyond and not ask:
        raise CommandError(
            f"The update is more than the renewal: {beyond}. --yes agrees to the renewal alone: deploy the "
            "rest first (`pulumi up`), or run this without --yes. Nothing was changed."
        )
    if beyond:
        typer.echo(f"More than the renewal: {beyond}.")
    return typer.confirm("Update?") if ask else True


def _show(issued: IssuedCertificate, now: datetime) -> None:
    for label, text in issued.rows(now).items():
        typer.echo(f"{label:<10}  {text}")
