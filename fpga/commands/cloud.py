"""`fpga cloud up|down|status|backup|restore|rotate|decrypt`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fpga.commands.cloud_settings import texts, with_settings
from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from localcloud.status import EdgeStatus, ListenerStatus, ReplicasStatus, ServiceStatus, Status

app = typer.Typer(
    help="Start, stop and look at localcloud, the service that stands where Azure's stood.",
    no_args_is_help=True,
)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of all that it keeps.",
        show_default=".local/cloud",
        readable=False,  # localcloud says what to do about one that is not
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--encryption-key-file",
        metavar="FILE",
        help="File of the operator's key, where secrets are encrypted.",
        show_default="that of the localcloud that runs",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the status as JSON.")]


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="File of settings, in YAML; an option wins over it. docs/server-settings.md lists them.",
        show_default=False,
    ),
]

ConfigOfData = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="File of settings of `fpga cloud up`, for the folder that it names; --data wins over it.",
        show_default=False,
    ),
]


@app.command()
@with_settings
def up(data: Data = None, config: Config = None, as_json: AsJson = False, **given: Any) -> None:
    """Start localcloud in the background, and wait until it answers. One that runs is left as it is.

    With --data DIR a second one runs beside the first, with ports and addresses of its own.
    """
    from engine.report import ConsoleReport
    from fpga.cloud import local_cloud, upgrade
    from localcloud.configuration import reading

    project = Project.here()
    report = ConsoleReport()
    options = texts(given) | ({} if data is None else {"data": [str(data)]})
    read = reading.read(options, config)
    with report.stage("localcloud"):
        wanted = local_cloud.settings(project.cloud, read, report)
        found = local_cloud.start(project, wanted)
        if upgrade.of(found) is not upgrade.Standing.SAME:
            report.note(
                f"{upgrade.told(found)}: it is left as it is. `fpga cloud down`, then this again, "
                "restarts it."
            )
        for note in upgrade.left(wanted, found):
            report.note(note)
        for service in found.services:
            if service.note is not None:
                report.note(f"The service {service.name}: {service.note}")
    _print(found, as_json)


@app.command()
def down(data: Data = None, config: ConfigOfData = None) -> None:
    """Stop localcloud, behind the calls under way. What it holds is kept, and served after the next start."""
    from fpga.cloud import ending

    folder = _data(data, config, Project.here())
    typer.echo("localcloud is stopped." if ending.stop(folder) else f"No localcloud runs on {folder}.")


@app.command()
def status(data: Data = None, config: ConfigOfData = None, as_json: AsJson = False) -> None:
    """Tell where localcloud is, and how to sign in to it. Exit code 1 if none runs.

    Where none runs, --json tells what will be the same at the next start.
    """
    from fpga.console import told_when_long
    from localcloud import control

    folder = _data(data, config, Project.here())
    with told_when_long("status", f"the localcloud of {folder} is to answer"):
        found = control.status(folder)
    if found.running or as_json:
        _print(found, as_json)
    if not found.running:
        raise CommandError(f"No localcloud runs on {folder}: `fpga cloud up` starts one.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The tar file to write.", show_default=False)],
    data: Data = None,
    config: ConfigOfData = None,
) -> None:
    """Write all that localcloud keeps to one file, its secrets too, while it runs."""
    from engine.report import ConsoleReport
    from localcloud.datafolder import backup as backups

    folder = _data(data, config, Project.here())
    report = ConsoleReport()
    with report.stage("backup"):
        size = backups.write(folder, file.expanduser().absolute(), report.progress)
    typer.echo(f"{folder} is in {file}, {size / 1e6:.1f} MB.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The tar file to read.", show_default=False)],
    data: Data = None,
    config: ConfigOfData = None,
) -> None:
    """Make a new data folder of a backup. `fpga cloud up` then serves what was kept in it."""
    from engine.report import ConsoleReport
    from localcloud.datafolder import backup as backups

    folder = _data(data, config, Project.here())
    report = ConsoleReport()
    with report.stage("restore"):
        key_id = backups.restore(file.expanduser().absolute(), folder, report.progress)
    if key_id is None:
        typer.echo(f"{folder} holds what {file} kept: `fpga cloud up` serves it.")
        return
    typer.echo(
        f"{folder} holds what {file} kept. Its secrets are encrypted with the key {key_id}: `fpga cloud up` "
        "with --encryption-key-file, or encryptionKeyFile in its file of settings, serves it."
    )


class What(StrEnum):
    """What can be rotated."""

    SIGN_IN = "sign-in"
    CA = "ca"
    ENCRYPTION_KEY = "encryption-key"


@app.command()
def rotate(
    what: Annotated[
        What,
        typer.Argument(
            help="sign-in: the client's secret and the key that signs tokens. ca: its certificate authority. "
            "encryption-key: the operator's key, by that of --new.",
            show_default=False,
        ),
    ],
    at_once: Annotated[
        bool, typer.Option("--now", help="Nothing of before opens, or is trusted, from now on.")
    ] = False,
    new: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of the operator's new key.", show_default=False),
    ] = None,
    key_file: KeyFile = None,
    data: Data = None,
    config: ConfigOfData = None,
) -> None:
    """Make anew what opens localcloud, or proves that it is the one. It goes on running.

    The sign-in of before, and every token, ends within the hour. A new CA is trusted beside the one of before
    first; with --now, then or later, it takes its place.
    """
    from fpga.cloud import rotation
    from fpga.console import told_when_long

    project = Project.here()
    folder = _data(data, config, project)
    if (new is not None) != (what is What.ENCRYPTION_KEY):
        raise CommandError(
            "--new names the file of the new key: give it with encryption-key, and only there."
        )
    key_file = _key_file(key_file, config)
    with told_when_long("rotation", f"the localcloud of {folder} takes what is new"):
        if new is not None:
            told = list(rotation.encryption_key(folder, new, key_file))
        else:
            rotate = rotation.sign_in if what is What.SIGN_IN else rotation.ca
            told = list(rotate(project, folder, at_once=at_once, key_file=key_file))
    for line in told:
        typer.echo(line)


@app.command()
def decrypt(key_file: KeyFile = None, data: Data = None, config: ConfigOfData = None) -> None:
    """Have the secrets that a stopped localcloud keeps be in clear again, as they are without a key."""
    from fpga.console import told_when_long
    from localcloud import rotation

    folder = _data(data, config, Project.here())
    with told_when_long("decryption", f"the secrets of {folder} are written in clear"):
        rotation.decrypt(folder, _key_file(key_file, config))
    typer.echo(f"The secrets of {folder} are in clear: start it without a key, which would encrypt them.")


def _data(data: Path | None, config: Path | None, project: Project) -> Path:
    """The data folder that `fpga cloud up` has with the same options."""
    from localcloud.configuration import reading

    read = reading.read({} if data is None else {"data": [str(data)]}, config)
    found: Path = read.values.get("data", project.cloud)
    return found.absolute()


def _key_file(given: Path | None, config: Path | None) -> Path | None:
    """The file of the operator's key: as it was given, else as the file of settings has it."""
    from localcloud.configuration import reading

    found: Path | None = given or reading.read({}, config).values.get("encryption_key_file")
    return found


def _print(found: Status, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        show(found)


def show(found: Status) -> None:
    """Prints a status for a person, a fact a row."""
    from rich.text import Text

    from fpga.console import show_rows, standard_output

    values = {
        "HTTPS APIs": found.https,
        "CA certificate": found.ca
        if found.needs_roots
        else "none needed: callers' systems know the authority",
        "tenant": found.tenant,
        "subscription": found.subscription,
        "client id": found.client_id,
        "client secret in": found.client_secret_file,
        "DNS server": found.dns,
        "blob service": found.blob,
        "process id": found.pid,
        "version": found.version.number,
        "commit": found.version.commit,
    }
    rows = [(name, "none" if value is None else str(value)) for name, value in values.items()]
    if found.execution_providers:
        rows.append(("models run on", ", ".join(found.execution_providers)))
    if found.edge is not None:
        rows.append(("edge", _edge(found.edge)))
    if found.replicas is not None:
        rows.append(("replicas", _replicas(found.replicas)))
    rows += [("certificate", one) for one in _certificate(found)]
    rows += [("listens", _listener(listener)) for listener in found.listeners]
    rows += [("service", _service(service)) for service in found.services]
    show_rows(standard_output(), [(Text(name, "dim"), Text(value, "bold")) for name, value in rows])


def _edge(edge: EdgeStatus) -> str:
    runs = "is being started again" if edge.pid is None else f"runs as process {edge.pid}"
    return f"{edge.proxy} {edge.version or ''} {runs}, restarts={edge.restarts}"


def _replicas(told: ReplicasStatus) -> str:
    """The cluster that has them, in words."""
    since = f"since {told.since}"
    if not told.connected:
        return f"on {told.head}, which does not answer {since}: {told.trouble or 'it is being called.'}"
    trouble = f"; {told.trouble}" if told.trouble else ""
    return f"on {told.head}, which answers {since}: nodes={told.nodes} restarts={told.restarts}{trouble}"


def _certificate(found: Status) -> list[str]:
    """What is to be told of the certificate of its HTTPS, a fact each."""
    if found.certificate is None:
        return []
    told = [f"source={found.certificate.source} expires={found.certificate.expires}"]
    if found.certificate.trouble:
        told.append(f"is not renewed: {found.certificate.trouble}")
    return [*told, *found.certificate.notes]


def _listener(listener: ListenerStatus) -> str:
    told = "" if listener.told is None else f", told as {listener.told}"
    only = " alone" if listener.reach == "this machine" else ""
    return (
        f"{listener.name} on {listener.listens}{told}: for {listener.reach}{only}; asks for {listener.asks}"
    )


def _service(service: ServiceStatus) -> str:
    return " ".join(f"{key}={value}" for key, value in service.to_json().items())
