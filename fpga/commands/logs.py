"""`fpga logs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga.commands.cloud import Data
from fpga.errors import CommandError
from fpga.project import Project


def logs(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until it is interrupted.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Last lines to begin with.", min=0)] = 100,
    data: Data = None,
) -> None:
    """Show the log of localcloud, running or not. No secret is ever in it.

    Its lines are of UTC, one an event; where it has grown large and goes on in a new file, so does this.
    """
    from fpga.cloud import log
    from fpga.console import told_when_long
    from localcloud.settings import LOG

    folder = Project.here().cloud if data is None else data.expanduser().absolute()
    file = folder / LOG
    with told_when_long("logs", f"the localcloud of {folder} is looked for"):
        _require_log(folder, file)
    for part in log.told(file, lines, follow=follow):
        typer.echo(part, nl=False)


def _require_log(data: Path, file: Path) -> None:
    """Refuses where no log is, or is to be, with where it is instead.

    Raises:
        CommandError: there is none.
    """
    from fpga.cloud import running

    if running.logs_to_journal(data):
        raise CommandError(
            f"The localcloud of {data} runs as a unit of systemd, and its log is in the journal: "
            "`journalctl -u localcloud -f`."
        )
    if not data.is_dir():
        raise CommandError(f"There is no localcloud in {data}: `fpga cloud up` starts one.")
    if not file.exists():
        raise CommandError(f"The localcloud of {data} has no log yet: `fpga cloud up` starts it.")
