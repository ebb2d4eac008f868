"""`fpga predict PHOTO`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fpga.project import DEFAULT_STACK, Project


class Key(StrEnum):
    """Which of the service's two keys is sent."""

    primary = "primary"
    secondary = "secondary"


def predict(
    photo: Annotated[Path, typer.Argument(help="Image file: JPEG, PNG or another that the service decodes.")],
    stack: Annotated[
        str, typer.Option("--stack", "-s", help="Stack whose endpoint is called.")
    ] = DEFAULT_STACK,
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
    import engine
    from fpga.classification import classify, table
    from fpga.endpoint import Endpoint
    from fpga.errors import CommandError
    from fpga.stack import Stack

    if not photo.is_file():
        raise CommandError(f"There is no photo {photo}.")
    project = Project.here()
    outputs = Stack(project, stack, engine.environment(project.local)).outputs()
    endpoint = Endpoint.from_outputs(stack, outputs)
    result = classify(endpoint, photo, key.value, name_server, timeout)
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2))
        return
    for line in table(result.labels):
        typer.echo(line)
    typer.echo(
        f"{endpoint.fqdn} at {result.address}: {1000 * result.connect_s:.0f} ms to resolve and connect, "
        f"{1000 * result.score_s:.0f} ms to score"
    )
