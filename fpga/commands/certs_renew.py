"""`fpga certs renew`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fpga.commands import service_option
from fpga.commands.stack_option import Stack as StackName
from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fpga.certificates.renewal import IssuedCertificate
    from fpga.plan.model import Plan
    from fpga.stacks.service_items import ServiceItem
    from fpga.stacks.stack import Stack

_FQDN: Final = "fpga-web-service:fqdn"


def renew(
    stack: StackName,
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Service whose certificate is renewed; more than once for more.",
            show_default="all of the stack",
            autocompletion=service_option.named,
        ),
    ] = None,
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
    from fpga.console import told_when_long
    from fpga.stacks import backend
    from fpga.stacks.service_resources import certified_by
    from fpga.stacks.stack import Stack

    project, now = Project.here(), datetime.now(UTC)
    with told_when_long("certs", f"the stack {stack} is read"):
        deployed = Stack(project, stack, backend.environment(project, stack))
        settings, _ = deployed.decrypted()
        resources = deployed.resources()
    items = _items(stack, settings, service, early=early)
    typer.echo(f"{'stack':<10}  {stack}")
    raised: dict[str, int] = {}
    renewed: list[tuple[ServiceItem | None, IssuedCertificate]] = []
    for item in items:
        if item and not service and certified_by(resources, item.name):
            continue  # it is told with the one whose certificate it is
        own = item.settings(settings) if item else settings
        issued = IssuedCertificate.of(stack, own.get(SOURCE, "files"), resources, item)
        _show(issued, item, now)
        reason = issued.reason(generation_of(own), now)
        if reason is None and not early:
            typer.echo(not_due(issued))
            continue
        typer.echo(f"Due: {reason}." if reason else "Not due yet: --early renews it all the same.")
        # a generation that an earlier run, or a pull request, has raised is reached by this renewal
        if reason is None:
            raised[issued.setting] = issued.generation + 1
        renewed.append((item, issued))
    if not renewed:
        return
    if not yes and not sys.stdin.isatty():
        raise CommandError(
            "There is nobody to ask: run it with --yes, or in a terminal. Nothing was changed."
        )
    _deploy(project, stack, deployed, raised, [item.name if item else "" for item, _ in renewed], ask=not yes)
    with told_when_long("certs", f"the stack {stack} is read again"):
        resources, told = deployed.resources(), datetime.now(UTC)
    after = [(item, IssuedCertificate.of(stack, one.source, resources, item)) for item, one in renewed]
    same = [item for (item, one), (_, before) in zip(after, renewed, strict=True) if one.pem == before.pem]
    if same:
        whose = ", ".join(f"the certificate of {item.name}" if item else "its certificate" for item in same)
        raise CommandError(
            f"The stack {stack} was updated, and {whose} is the one of before: "
            f"`fpga plan -s {stack}` shows what is left to do."
        )
    typer.echo("\nRenewed.")
    for item, issued in after:
        _show(issued, item, told)


def _items(
    stack: str, settings: Mapping[str, str], named: list[str] | None, *, early: bool
) -> Sequence[ServiceItem | None]:
    """The services whose certificates are looked at; None: the stack's only one, without a name.

    Raises:
        typer.BadParameter: one is named that is not there, or none of several that are to be renewed early.
        CommandError: of several, none has a certificate that is issued.
    """
    from fpga.certificates.renewal import SOURCE
    from fpga.predict import services
    from fpga.stacks import service_items
    from infra import catalogue

    there = {one.name: one for one in service_items.items(settings)}
    fqdns = {name: one.settings(settings).get(_FQDN, "") for name, one in there.items()}
    if not there and named:
        raise typer.BadParameter(
            f"the stack {stack} has no list of services: leave --service out.", param_hint="--service"
        )
    for name in named or ():
        services.require(stack, name, fqdns)
    if named or len(there) < 2:
        return [there[name] for name in named or there] or [None]
    if early:
        raise services.several(stack, fqdns)
    issued = [
        one for one in there.values() if one.settings(settings).get(SOURCE) in catalogue.ISSUING.values()
    ]
    if not issued:
        raise CommandError(
            f"The certificates of all services of the stack {stack} are brought by you: "
            "`fpga certs renew --service NAME` says how one of them is renewed."
        )
    return issued


def _deploy(
    project: Project,
    name: str,
    stack: Stack,
    raised: Mapping[str, int],
    services: Sequence[str],
    *,
    ask: bool,
) -> None:
    """Plans, asks and updates. The stack's settings are put back unless the update begins.

    Args:
        raised: generations, by where they are set.
        services: those whose certificates are renewed.
    """
    from engine.report import ConsoleReport
    from fpga.console import standard_output
    from fpga.plan import table
    from fpga.plan.runner import preview

    report, file = ConsoleReport(), project.stack_file(name)
    before, agreed = file.read_bytes(), False
    with tempfile.TemporaryDirectory(prefix="fpga-plan-") as folder:
        saved = Path(folder) / "plan.json"
        try:
            if raised:
                stack.configure({setting: str(generation) for setting, generation in raised.items()}, {})
            with report.stage(f"plan of {name}"):
                plan = preview(project, name, save_plan=saved, on_progress=report.progress)
            table.show(plan, standard_output())
            agreed = _agreed(plan, services, ask=ask)
        finally:
            if raised and not agreed:
                file.write_bytes(before)
        if not agreed:
            typer.echo("Nothing was changed.")
            raise typer.Exit(1)
        for setting, generation in raised.items():
            typer.echo(
                f"{setting} is {generation} now, in {file}: if that file is committed, commit this, too."
            )
        with report.stage(f"update of {name}"):
            stack.up(report.progress, plan=saved)


def _agreed(plan: Plan, services: Sequence[str], *, ask: bool) -> bool:
    from fpga.certificates.renewal import beyond_renewal

    if not plan.succeeded:
        raise CommandError(f"The stack {plan.stack} cannot be updated. Nothing was changed.")
    if not plan.changes:
        raise CommandError("The plan shows no change: somebody else has renewed it meanwhile.")
    beyond = ", ".join(f"{one.name} ({one.operation})" for one in beyond_renewal(plan.changes, services))
    if beyond and not ask:
        raise CommandError(
            f"The update is more than the renewal: {beyond}. --yes agrees to the renewal alone: deploy the "
            "rest first (`pulumi up`), or run this without --yes. Nothing was changed."
        )
    if beyond:
        typer.echo(f"More than the renewal: {beyond}.")
    return typer.confirm("Update?") if ask else True


def _show(issued: IssuedCertificate, item: ServiceItem | None, now: datetime) -> None:
    if item:
        typer.echo(f"\n{'service':<10}  {item.name}")
    for label, text in issued.rows(now).items():
        typer.echo(f"{label:<10}  {text}")
