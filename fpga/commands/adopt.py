"""`fpga adopt`: bring what exists already under a stack."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fpga.commands.stack_option import Stack as StackName
from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from fpga.adoption import Survey
    from fpga.stacks.stack import Stack
    from infra.settings import Settings

_COLUMNS: Final = ("RESOURCE", "NAME", "STANDING")
_COLOURS: Final = {
    "MANAGED": "dim",
    "ADOPTABLE": "green",
    "CONTINUED": "green",
    "MISPLACED": "red",
    "ABSENT": "yellow",
    "OTHERS": "dim",
    "LACKING": "red",
}


def adopt(
    stack: StackName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Adopt without asking.")] = False,
) -> None:
    """Bring what exists already, and the stack declares, under the stack. Nothing changes in the cloud.

    Shows first what is in the stack, what exists and can be adopted, and what is not there.
    """
    from engine.plugin_notes import Notes
    from fpga import adoption
    from fpga.console import told_when_long
    from fpga.stacks import backend, pending
    from fpga.stacks.clouds import StackClouds
    from fpga.stacks.stack import Stack
    from infra import settings

    project = Project.here()
    with told_when_long("adopt", f"the stack {stack} is read") as tell:
        environment = backend.environment(project, stack)
        engine = Stack(project, stack, environment)
        values, secret_keys = engine.decrypted()
        declared = settings.read(values, environment, secret_keys)
        pending.settle(project, stack, typer.echo)
        deployment = engine.deployment()
        tell("the cloud is asked for what exists")
        clouds = StackClouds(declared, environment.get("SSL_CERT_FILE"))
        try:
            notes = Notes(environment.get("PULUMI_HOME"))
            survey = adoption.survey(declared, stack, clouds, deployment, notes)
        finally:
            clouds.close()
    show(survey)
    _require_in_place(survey)
    if not survey.of(adoption.Standing.ADOPTABLE):
        typer.echo(f"\nNothing to adopt under the stack {stack}.")
    else:
        written = adoption.settings_to_write(values, survey, declared.account.capacity)
        _consent(stack, survey, written, yes=yes)
        _adopt(engine, stack, declared, survey, deployment, written)
    if survey.of(adoption.Standing.ADOPTABLE, adoption.Standing.CONTINUED):
        typer.echo(f"`pulumi preview -s {stack}` shows what an update would change.")


def _adopt(
    engine: Stack,
    stack: str,
    declared: Settings,
    survey: Survey,
    deployment: dict[str, object],
    written: dict[str, str],
) -> None:
    from importlib.metadata import version

    from fpga import adoption
    from fpga.console import told_when_long

    text = adoption.import_file(declared, stack, survey, deployment, version("pulumi-azure-native"))
    if any(not one.consent for one in survey.of(adoption.Standing.ADOPTABLE)):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "import.json"
            file.touch(mode=0o600)
            file.write_text(text)
            with told_when_long("adopt", f"the engine brings it under the stack {stack}"):
                engine.take_in(file)
    with told_when_long("adopt", "the stack's settings are written"):
        engine.configure(written, {})
    adopted = ", ".join(one.name for one in survey.of(adoption.Standing.ADOPTABLE))
    typer.echo(f"Adopted: {adopted}.")


def show(survey: Survey) -> None:
    """Prints how each declared resource stands, and what else the account has."""
    from rich.text import Text

    from fpga.console import show_rows, standard_output

    rows = [
        (Text(one.name, "bold"), Text(one.called), Text(str(one.standing), _COLOURS[one.standing.name]))
        for one in survey.findings
    ]
    show_rows(standard_output(), rows, _COLUMNS)
    if survey.other_services:
        typer.echo(f"\nOther services of the account: {', '.join(survey.other_services)}")
        typer.echo(
            "  `pulumi config set fpga-web-service:serviceName NAME` declares one of them; in a list of "
            "services, serviceName of an item."
        )
    if survey.other_models:
        typer.echo(f"\nOther models of the account: {', '.join(survey.other_models)}")
        typer.echo("  `pulumi config set fpga-web-service:modelId ID` has the service run one of them.")


def _require_in_place(survey: Survey) -> None:
    from fpga.adoption import Standing

    misplaced = survey.of(Standing.MISPLACED)
    if misplaced:
        raise CommandError("\n".join(f"{one.name} {one.called}: {one.remedy}" for one in misplaced))


def _consent(stack: str, survey: Survey, written: dict[str, str], *, yes: bool) -> None:
    from fpga import adoption

    names = ", ".join(one.name for one in survey.of(adoption.Standing.ADOPTABLE))
    typer.echo(
        f"\nTo be adopted under the stack {stack}: {names}. Nothing changes in the cloud; the next update "
        "may change them."
    )
    for key, value in written.items():
        typer.echo(f"Written into the stack's file: {key}: {value}")
    if adoption.RETAIN in written:
        typer.echo(
            "  What leaves the stack stays in the cloud then: `pulumi destroy` lets go, and deletes nothing."
        )
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            f"Nobody is there to be asked: `fpga adopt -s {stack} --yes` adopts without asking."
        )
    typer.confirm("Adopt?", abort=True)
