"""`fpga up`: engine, model, localcloud, stack, deployment, and a photo classified."""

from __future__ import annotations

import os
import shlex
import sys
import time
from typing import TYPE_CHECKING

import typer

from fpga.commands.stack_option import activated
from fpga.errors import CommandError
from fpga.project import DEFAULT_STACK, Project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.report import ConsoleReport
    from fpga.plan.model import Plan
    from fpga.predict.classification import Classification
    from fpga.predict.endpoint import Endpoint
    from fpga.stacks.stack import Stack
    from localcloud.status import Status

PREDICTION_TIMEOUT_S = 30.0


def up() -> None:
    """Bring the stack `local` up on this machine, and classify a photo over TLS, by name, with a key.

    Run again it changes only what is missing.
    """
    from engine.report import ConsoleReport, duration

    began = time.monotonic()
    project = Project.here()
    report = ConsoleReport()
    selected = activated()
    if selected not in (None, DEFAULT_STACK):
        report.note(f"This is of the stack {DEFAULT_STACK}; the shell is activated for {selected}.")
    endpoints, done, results = _deploy(project, report)
    _summary(endpoints)
    for name, result in results.items():
        _labels(project, name, result)
    told = f"Deployed ({done})" if done else "Nothing was changed"
    typer.echo(f"\n{told}; ready after {duration(time.monotonic() - began)}.")
    activate = shlex.quote(os.path.relpath(project.local / "activate"))
    named = " --service NAME" if len(endpoints) > 1 else ""
    typer.echo(f"Next: `. {activate}`, then `fpga predict PHOTO{named}`; `make down` stops it all.")


def _deploy(
    project: Project, report: ConsoleReport
) -> tuple[dict[str, Endpoint], str, dict[str, Classification]]:
    """Brings it up: the endpoints by the names of their services, what was done, and a photo's labels."""
    from engine.install import install
    from fpga.cloud import local_cloud, model_link, upgrade
    from fpga.predict import services
    from fpga.predict.endpoint import Endpoint
    from fpga.stacks import backend
    from fpga.stacks.stack import Stack
    from localcloud.configuration import reading

    with report.stage("1/6 engine"):
        install(project.local, report)
    with report.stage("2/6 model"):
        _, package = local_cloud.build_model(report)
    with report.stage("3/6 localcloud"):
        wanted = local_cloud.settings(project.cloud, reading.read({}), report)
        cloud = local_cloud.start(project, upgrade.make_way(wanted, report))
    stack = Stack(project, DEFAULT_STACK, backend.environment(project, DEFAULT_STACK))
    with report.stage("4/6 stack"):
        _configure(project, stack, _wanted(cloud, model_link.link(project, package)), report)
    done = _update(project, stack, report)
    with report.stage("6/6 prediction"):
        outputs = stack.outputs()
        endpoints = {
            name: Endpoint.from_outputs(DEFAULT_STACK, told)
            for name, told in (services.named(outputs) or {"": outputs}).items()
        }
        results = {}
        for name, endpoint in endpoints.items():
            report.progress(endpoint.fqdn)
            results[name] = _classified(project, stack, name, endpoint)
    return endpoints, done, results


def _classified(project: Project, stack: Stack, name: str, endpoint: Endpoint) -> Classification:
    from fpga.predict.classification import classify
    from fpga.predict.photos import Photo
    from fpga.predict.unlabelled_model import known_labels

    with endpoint.client("primary", None, PREDICTION_TIMEOUT_S) as client:
        [(_, result)] = classify(client, [Photo(str(project.sample))], lambda: known_labels(stack, name))
    if isinstance(result, Exception):
        raise result
    return result


def _update(project: Project, stack: Stack, report: ConsoleReport) -> str:
    """Plans, and deploys if there is anything to: what it did; empty: nothing.

    Raises:
        CommandError: the program or a check refuses; the message is theirs.
    """
    from fpga.plan import wording
    from fpga.plan.runner import preview
    from fpga.stacks import pending

    def planned() -> Plan:
        plan = preview(project, DEFAULT_STACK, on_progress=report.progress)
        if not plan.succeeded:
            raise CommandError("\n".join(("The stack cannot be deployed:", *plan.errors)))
        return plan

    with report.stage("5/6 deployment"):
        plan = planned()
        if not plan.does_nothing and stack.release_dead_lock():
            report.note("An earlier update was killed and left its lock; it is given back.")
        # a preview says nothing of what is pending
        if not plan.does_nothing and pending.settle(project, DEFAULT_STACK, report.note):
            plan = planned()
        on_terminal = sys.stdout.isatty() and sys.stderr.isatty()
        if not plan.does_nothing and not on_terminal:
            stack.up(report.progress)
    if not plan.does_nothing and on_terminal:
        # The engine draws its own progress: no other line may move beside it.
        stack.up(None)
    return wording.todo(plan)


def _configure(project: Project, stack: Stack, wanted: dict[str, str], report: ConsoleReport) -> None:
    """Makes the stack where it is missing, and writes what its file lacks; what a person set there stays."""
    from fpga.cloud.connection import CLIENT_SECRET
    from fpga.stacks import written_settings as written

    ensured = stack.ensure()
    lost = [key for key in ensured.lost if key not in wanted]
    if lost:
        report.note(
            f"What the stack's file held encrypted is lost with its passphrase: {', '.join(lost)}. Set it "
            f"anew with `pulumi config set --secret --path`; the file as it was is {ensured.kept}."
        )
    notes = written.Notes(project.local)
    present, _ = stack.decrypted()
    decision = written.decide(wanted, present, notes, outlived_its_stack=ensured.kept is not None)
    # what stands there as it would be written counts as written, too
    notes.add(
        {key: value for key, value in wanted.items() if key in decision.write or present.get(key) == value}
    )
    secret = {key: value for key, value in decision.write.items() if key == CLIENT_SECRET}
    stack.configure({key: value for key, value in decision.write.items() if key not in secret}, secret)
    if decision.theirs:
        report.note(
            f"Left as they are set in {project.stack_file(DEFAULT_STACK)}: {', '.join(decision.theirs)}. "
            f"`pulumi config rm -s {DEFAULT_STACK} KEY` has this command set one."
        )


def _wanted(cloud: Status, model_package: str) -> dict[str, str]:
    """Settings of the stack that depend on this machine, the secret among them."""
    from fpga.cloud import connection
    from fpga.stacks import written_settings as written

    return connection.settings(cloud) | {
        connection.CLIENT_SECRET: connection.client_secret(cloud),
        written.MODEL_PACKAGE: model_package,
    }


def _summary(endpoints: Mapping[str, Endpoint]) -> None:
    for number, (name, endpoint) in enumerate(endpoints.items()):
        shared = {
            "Account name": endpoint.account,
            "Resource group": endpoint.resource_group,
            "Subscription id": endpoint.subscription_id,
            "Location": endpoint.location,
        }
        if not number:
            _show(shared)
        _show(_own({"Service": name} if name else {}, endpoint), apart=bool(name))


def _own(named: Mapping[str, str], endpoint: Endpoint) -> dict[str, str]:
    rows = {
        **named,
        "FQDN": endpoint.shown_name,
        "IP address": endpoint.ip,
        "Port": str(endpoint.port),
    }
    if endpoint.ssl_enabled:
        rows["Certificate SHA-256"] = endpoint.certificate_fingerprint
        rows["Certificate expires"] = endpoint.certificate_expiry
    else:
        rows["SSL"] = "off: anyone who reaches the service may call it"
    return rows


def _show(rows: Mapping[str, str], *, apart: bool = True) -> None:
    if apart:
        typer.echo()
    for name, value in rows.items():
        typer.echo(f"{name:<20} {value}")


def _labels(project: Project, name: str, result: Classification) -> None:
    from clients.prediction.labels import lines

    photo = project.sample.relative_to(project.checkout)
    by = f" by {name}" if name else ""
    typer.echo(f"\n{photo}, classified{by} in {1000 * result.score_s:.0f} ms at {result.address}:")
    for line in lines(result.scores):
        typer.echo(line)
