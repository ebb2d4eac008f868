"""`fpga model push|list|delete`: the models of a stack's account."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Annotated

import typer

from fpga.commands.stack_option import Stack
from fpga.errors import CommandError
from fpga.project import Project

Package = Annotated[Path, typer.Argument(metavar="DIR", help="Package: a folder, or a zip.")]


def push(
    package: Package,
    stack: Stack,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the model.", show_default="that of the folder"),
    ] = None,
) -> None:
    """Register a package with the stack's account, through its storage, without an update.

    It is called by the name and its content: the same package again is found, and nothing is done.
    """
    from engine.report import ConsoleReport
    from fpga.cloud import local_cloud
    from fpga.models import registered, trial

    found = trial.read(package)
    report = ConsoleReport()
    with report.wait("trial"):
        featurizers, _ = local_cloud.build_model(report)
        report.progress(f"{package} is tried, as localcloud tries it")
        trial.run(found, featurizers)
    with report.stage("push"), registered.of_stack(Project.here(), stack) as models:
        pushed = models.push(name or package.resolve().name.removesuffix(".zip"), found)
    told = "Registered" if pushed.is_new else "Registered already"
    typer.echo(f"{told}: {pushed.model.name} ({pushed.model.id})")
    if models.services:
        typer.echo(
            f"A service of the stack runs it, {models.services[0]} say, after `pulumi config set -s {stack} "
            f"--path 'fpga-web-service:services[0].modelId' {pushed.model.id}` and `pulumi up -s {stack}`."
        )
        return
    typer.echo(
        f"The stack's service runs it after `pulumi config rm -s {stack} fpga-web-service:modelPackage`, "
        f"`pulumi config set -s {stack} fpga-web-service:modelId {pushed.model.id}` and `pulumi up -s "
        f"{stack}`."
    )


def list_models(
    stack: Stack, as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False
) -> None:
    """List the models of the stack's account, and the services that run them."""
    from rich.text import Text

    from clients.prediction.labels import printable
    from fpga.console import show_rows, standard_output
    from fpga.models import registered

    with _asked(stack), registered.of_stack(Project.here(), stack) as models:
        listed = models.listed()
    if as_json:
        told = [
            {
                "id": one.model.id,
                "name": one.model.name,
                "services": [{"id": service.id, "name": service.name} for service in one.services],
                "ofAStack": one.is_of_a_stack,
            }
            for one in listed
        ]
        typer.echo(json.dumps(told, indent=2))
        return
    if not listed:
        typer.echo(f"The account of the stack {stack} has no models.")
        return
    rows = [
        (
            Text(printable(one.model.name), "bold"),
            Text(printable(one.model.id)),
            Text(printable(", ".join(service.name for service in one.services)) or "-"),
        )
        for one in listed
    ]
    show_rows(standard_output(), rows, ("MODEL", "ID", "SERVICES"))


def delete(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its id, or its name.")],
    stack: Stack,
    force: Annotated[
        bool, typer.Option("--force", help="Delete the services that run it, too, with address and keys.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Delete a model of the stack's account, and its package. One that a service runs is refused."""
    from fpga.models import registered

    with ExitStack() as opened:
        with _asked(stack):
            models = opened.enter_context(registered.of_stack(Project.here(), stack))
            found = models.find(model)
        if found is None:
            typer.echo(f"The account of the stack {stack} has no model {model}: nothing to do.")
            return
        if not force:
            models.require_deletable(found)
        services = [f"the service {one.name} ({one.id})" for one in found.services]
        told = ", ".join([f"the model {found.model.name} ({found.model.id})", *services])
        if not yes:
            if not sys.stdin.isatty():
                raise CommandError("Nobody is there to be asked: --yes deletes without asking.")
            typer.confirm(f"Delete {told}?", abort=True)
        with _asked(stack):
            models.delete(found)
    typer.echo(f"Deleted: {told}.")


def _asked(stack: str) -> AbstractContextManager[object]:
    from fpga.console import told_when_long

    return told_when_long("models", f"the account of the stack {stack} is asked")
