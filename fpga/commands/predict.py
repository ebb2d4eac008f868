"""`fpga predict PHOTO…`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fpga.commands import service_option
from fpga.commands.stack_option import Stack as StackName
from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from clients.prediction.client import PredictionClient
    from fpga.predict.classification import Classification
    from fpga.predict.endpoint import Endpoint
    from fpga.predict.photos import Photo


class Key(StrEnum):
    """The key that is sent: one of the service's two."""

    primary = "primary"
    secondary = "secondary"


@dataclass(frozen=True)
class _Service:
    """The service to call.

    Attributes:
        stack: whose endpoint it is; None: it was named by itself.
        service: its logical name in the stack; empty: it has none.
        known_labels: as for `classify`.
    """

    name: str
    stack: str | None
    client: PredictionClient
    known_labels: Callable[[], Sequence[str]]
    service: str = ""


def predict(
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO",
            help="Image files (JPEG, PNG or another that the service decodes), folders of them, or - for "
            "standard input.",
        ),
    ],
    stack: StackName,
    service: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Service of the stack to call.",
            show_default="the only one",
            autocompletion=service_option.named,
        ),
    ] = None,
    each_service: Annotated[
        bool, typer.Option("--each-service", help="Call all services of the stack, one after the other.")
    ] = False,
    key: Annotated[Key, typer.Option(help="Key to send, where SSL is on.")] = Key.primary,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Service to call in place of a stack's, without a checkout; grpc:// in front: without SSL.",
        ),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --endpoint: file that holds the key.")
    ] = None,
    roots: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --endpoint: PEM of the roots to trust.", show_default="gRPC's own"
        ),
    ] = None,
    name_server: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS[:PORT]", help="DNS server to ask.", show_default="the stack's, or the system's"
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Deadline of a call in seconds.", min=0.1)] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print labels and times as JSON; of several photos, as a list.")
    ] = False,
) -> None:
    """Classify photos with a deployed service: the five best labels of each, and the time that it took.

    Labels are those of the model's package; a model without any is shown by class numbers. Ends with 1 if a
    photo could not be scored, after all others were.
    """
    from clients.dns.resolution import host_and_port
    from fpga.console import told_when_long
    from fpga.predict import photos as named
    from fpga.predict.classification import classify

    found = named.find(photos)
    if name_server is not None:
        try:
            host_and_port(name_server)
        except ValueError as error:
            raise CommandError(f"--name-server: {error}") from None
    if endpoint is not None:
        if service is not None or each_service:
            raise CommandError("--service is of a stack; --endpoint names a service by itself.")
        called = [_named(endpoint, key_file, roots, name_server, timeout)]
    elif key_file or roots:
        raise CommandError("--key-file and --roots go with --endpoint; a stack's outputs tell both.")
    else:
        with told_when_long("predict", f"the outputs of the stack {stack} are read"):
            called = _of_stack(stack, service, key, name_server, timeout, each=each_service)
    alone = len(called) == len(photos) == len(found) == 1 and found[0].name == photos[0]
    if len(called) > 1 and any(photo.name == "-" for photo in found):
        raise CommandError("Standard input is read once: name a file, or one service by --service.")
    told: list[dict[str, Any]] = []
    failed = 0
    for one in called:
        acted = {"stack": one.stack} if one.stack else {}
        acted |= {"service": one.service} if one.service else {}
        with one.client as client, told_when_long(one.name, "it is called") as tell:
            for photo, result in classify(client, found, one.known_labels, tell):
                if isinstance(result, Exception):
                    if alone:
                        raise result
                    failed += 1
                    told.append({**acted, "photo": photo.name, "error": str(result)})
                else:
                    told.append({**acted, "photo": photo.name, **result.as_dict()})
                if not as_json:
                    _tell(one, photo, result, heading=not alone)
    if as_json:
        typer.echo(json.dumps(told[0] if alone else told, indent=2))
    if failed:
        typer.echo(f"error: {failed} of {len(found) * len(called)} photos could not be scored.", err=True)
        raise typer.Exit(1)


def _tell(service: _Service, photo: Photo, result: Classification | Exception, *, heading: bool) -> None:
    from clients.prediction.labels import lines

    if heading:
        typer.echo(f"{photo.name}:")
    if isinstance(result, Exception):
        typer.echo(f"  error: {result}")
        return
    for line in lines(result.scores):
        typer.echo(line)
    connected = f"{1000 * result.connect_s:.0f} ms to resolve and connect, " if result.connect_s else ""
    named = f", service {service.service}" if service.service else ""
    acted = f" (stack {service.stack}{named})" if service.stack else ""
    scored = f"{1000 * result.score_s:.0f} ms to score"
    typer.echo(f"{service.name} at {result.address}: {connected}{scored}{acted}")


def _named(
    endpoint: str, key_file: Path | None, roots: Path | None, name_server: str | None, timeout_s: float
) -> _Service:
    from fpga.predict.named_endpoint import NamedEndpoint

    named = NamedEndpoint.read(endpoint, key_file, roots)
    return _Service(named.host, None, named.client(name_server, timeout_s), tuple)


def _of_stack(
    name: str, service: str | None, key: Key, name_server: str | None, timeout_s: float, *, each: bool
) -> list[_Service]:
    from fpga.predict import services
    from fpga.predict.endpoint import Endpoint
    from fpga.predict.unlabelled_model import known_labels
    from fpga.stacks import backend
    from fpga.stacks.stack import Stack

    project = Project.here()
    stack = Stack(project, name, backend.environment(project, name))
    outputs = stack.outputs()
    meant: Mapping[str, Mapping[str, Any]] = services.named(outputs) if each and service is None else {}
    meant = meant or dict([services.chosen(name, outputs, service)])
    endpoints = {one: Endpoint.from_outputs(name, own) for one, own in meant.items()}
    _require_localcloud(project, next(iter(endpoints.values())))
    return [
        _Service(
            endpoint.fqdn,
            name,
            endpoint.client(key.value, name_server, timeout_s),
            partial(known_labels, stack, one),
            one,
        )
        for one, endpoint in endpoints.items()
    ]


def _require_localcloud(project: Project, endpoint: Endpoint) -> None:
    """Refuses at once, not after a deadline, where the checkout's localcloud serves this, and is down."""
    from localcloud import control

    known = control.status(project.cloud)
    if known.dns in endpoint.name_servers and not known.running:
        raise CommandError(
            "localcloud does not run: `fpga cloud up` starts it, and serves what it served before."
        )
