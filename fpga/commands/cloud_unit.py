"""`fpga cloud install|uninstall`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga.errors import CommandError
from fpga.project import Project

Name = Annotated[str, typer.Option("--unit", metavar="NAME", help="Name of the unit.")]
Root = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Folder that stands for /, of an image that is made.")
]
_NAME = "localcloud"
_ROOT = Path("/")


def install(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="File of settings, in YAML, read at each start. docs/server-settings.md lists them.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="Folder of all that it keeps.", show_default="/var/lib/NAME"
        ),
    ] = None,
    user: Annotated[
        str, typer.Option(metavar="NAME", help="User that it runs as; made where there is none.")
    ] = _NAME,
    encryption_key: Annotated[
        Path | None,
        typer.Option(
            "--encryption-key",
            metavar="FILE",
            help="File of the key that secrets are encrypted with, handed over by systemd.",
            show_default=False,
        ),
    ] = None,
    name: Name = _NAME,
    root: Root = _ROOT,
    dry_run: Annotated[
        bool, typer.Option("--print", "--dry-run", help="Print the unit, and write nothing.")
    ] = False,
) -> None:
    """Write a systemd unit that runs localcloud on this machine, and tell what to do next.

    It starts nothing. What could not start is refused, with the remedy. Run it again after an upgrade, or
    when ports in the file of settings change: it says what is to be restarted.
    """
    from engine.report import ConsoleReport
    from fpga.cloud import installation, local_cloud, unit
    from fpga.console import told_when_long
    from localcloud.configuration import reading

    if not unit.NAME.fullmatch(name):
        raise CommandError(f"--unit {name} is no name: give a-z, 0-9 and -, a letter first.")
    if not unit.NAME.fullmatch(user):
        raise CommandError(f"--user {user} is no user's name: give a-z, 0-9 and -, a letter first.")
    if not (dry_run or root != _ROOT or installation.BOOTED.exists()):
        raise CommandError(
            "This machine is not run by systemd. Have another supervisor run `python -m localcloud serve "
            "--config FILE` in the foreground (SIGTERM ends it in order), or take the unit elsewhere: "
            "--print prints it, --root DIR writes it into an image."
        )
    project = Project.here()
    report = ConsoleReport()
    options = {} if data is None else {"data": [str(data.expanduser().absolute())]}
    read = reading.read(options, config)
    with report.stage("localcloud"):
        settings = local_cloud.settings(unit.STATE / name, read, report)
    found = installation.account(user)
    key = None
    if encryption_key is not None:
        key = installation.credential(encryption_key.expanduser().absolute(), settings)
    made = installation.made(settings, name, found, installation.code(project), key)
    if dry_run:
        typer.echo(made.text(), nl=False)
        return
    with told_when_long("unit", f"the user {user} is tried, whether it can start localcloud"):
        installation.check(made, found, settings, project.local)
    changed = installation.write(made, found, root)
    for path in changed:
        typer.echo(f"{path} is written.")
    if not changed:
        typer.echo(f"{root / made.file.relative_to('/')} is there already, as it is to be.")
    typer.echo("Nothing is started yet. Next:")
    for step in installation.next_steps(made, found, changed):
        typer.echo(f"  {step}")


def uninstall(name: Name = _NAME, root: Root = _ROOT) -> None:
    """Remove the unit that `fpga cloud install` wrote. Data folder and user stay."""
    from fpga.cloud import installation
    from fpga.console import told_when_long

    with told_when_long("unit", "systemd is asked whether it runs"):
        gone = installation.remove(name, root)
    for path in gone:
        typer.echo(f"{path} is removed.")
    if not gone:
        typer.echo(f"There is no unit {name} of `fpga cloud install`.")
    elif root == _ROOT:
        typer.echo("Next:\n  systemctl daemon-reload")
