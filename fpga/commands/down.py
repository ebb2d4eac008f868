"""`fpga down`."""

from __future__ import annotations

from typing import Annotated

import typer

from fpga.project import Project


def down(
    everywhere: Annotated[
        bool, typer.Option("--all", help="Stop each of yours on this machine, whatever checkout it is of.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --all: do not ask.")] = False,
) -> None:
    """Stop every localcloud of this checkout. What it holds is kept: `fpga up` continues with it.

    With --all those of this user's other checkouts and folders, too; they are listed, and it asks first.
    """
    from fpga.cloud import ending

    folders = Project.here().clouds
    if everywhere:
        from fpga.cloud import running
        from fpga.console import told_when_long

        with told_when_long("localclouds", "the processes of this machine are looked at") as tell:
            found = running.clouds(tell)
        for one in found:
            typer.echo(running.line(one))
        if found and not yes:
            typer.confirm(f"Stop {len(found)} of them?" if len(found) > 1 else "Stop it?", abort=True)
        folders = [*(one.data for one in found), *(data for data in folders if data.is_dir())]
    stopped = [ending.stop(data) for data in dict.fromkeys(folders)]
    if everywhere and sum(stopped) > 1:
        typer.echo(f"{sum(stopped)} localclouds are stopped.")
    else:
        typer.echo("localcloud is stopped." if any(stopped) else "Nothing was running.")
