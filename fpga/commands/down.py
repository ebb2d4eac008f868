"""`fpga down`."""

from __future__ import annotations

import typer

from fpga.project import Project


def down() -> None:
    """Stop every localcloud of this checkout. What it holds is kept: `fpga up` continues with it."""
    from fpga.cloud import ending

    stopped = [ending.stop(data) for data in Project.here().clouds]
    typer.echo("localcloud is stopped." if any(stopped) else "Nothing was running.")
