"""`fpga predict PHOTO`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.commands.stack_option import Stack as StackName
from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from fpga.endpoint import Endpoint


class Key(StrEnum):
    """Which of the service's two keys is sent."""

    primary = "primary"
    secondary = "secondary"


def predict(
    photo: Annotated[Path, typer.Argument(help="Image file: JPEG, PNG or another that the service decodes.")],
    stack: StackName,
    key: Annotated[Key, typer.Option(help="Key to send, where SSL is on.")] = Key.primary,
    name_server: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS[:PORT]", help="DNS server to ask.", show_default="the stack's, or the system's"
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Deadline in seconds.", min=0.1)] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print labels and times as JSON.")] = False,
) -> None:
    """Classify a photo with the deployed service: the five best labels, and the time that it took."""
    from fpga import backend
    from fpga.classification import classify, table
    from fpga.endpoint import Endpoint
    from fpga.name_resolution import host_and_port
    from fpga.stack import Stack

    if not photo.is_file():
        raise CommandError(f"There is no photo {photo}.")
    project = Project.here()
    if name_server is not None:
        try:
            host_and_port(name_server)
        except ValueError as error:
            raise CommandError(f"--name-server: {error}") from None
    outputs = Stack(project, stack, backend.environment(project, stack)).outputs()
    endpoint = Endpoint.from_outputs(stack, outputs)
    _require_localcloud(project, endpoint)
    result = classify(endpoint, photo, key.value, name_server, timeout)
    if as_json:
        typer.echo(json.dumps({"stack": stack} | result.as_dict(), indent=2))
        return
    for line in table(result.labels):
        typer.echo(line)
    typer.echo(
        f"{endpoint.fqdn} at {result.address}: {1000 * result.connect_s:.0f} ms to resolve and connect, "
        f"{1000 * result.score_s:.0f} ms to score (stack {stack})"
    )


def _require_localcloud(project: Project, endpoint: Endpoint) -> None:
    """Says at once, not after a deadline, that what serves this is the checkout's localcloud, and is down."""
    from localcloud import control

    known = control.status(project.cloud)
    if known["dns"] in endpoint.name_servers and not known["running"]:
        raise CommandError(
            "localcloud does not run: `fpga cloud up` starts it, and serves what it served before."
        )
