"""`fpga down`."""

from __future__ import annotations

import typer

from fpga.project import Project


def down() -> None:
    """Stop every process that `fpga up` started. What it made is kept: `fpga up` continues with it."""
    from localcloud import control

    stopped = control.stop(Project.here().cloud)
    typer.echo("localcloud is stopped." if stopped else "Nothing was running.")
