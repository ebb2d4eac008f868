"""`fpga cloud list`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fpga.project import Project


def list_(as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False) -> None:
    """List the localclouds of this user that run on this machine: folder, process, version, address.

    A pid file that a killed one has left in a folder of this checkout is told, and removed.
    """
    from rich.text import Text

    from fpga.cloud import running
    from fpga.console import show_rows, standard_output, told_when_long

    with told_when_long("localclouds", "the processes of this machine are looked at") as tell:
        found = running.clouds(tell)
    stale = [data for data in Project.here().clouds if running.clear_stale(data)]
    for data in stale:
        typer.echo(f"{data} had the pid file of one that was killed: it is removed.", err=True)
    if as_json:
        typer.echo(json.dumps([running.told(one) for one in found], indent=2))
    elif found:
        rows = [[Text(part) for part in running.columns(one)] for one in found]
        show_rows(standard_output(), rows, ("data folder", "process", "version", "address"))
    else:
        typer.echo("None runs.")
