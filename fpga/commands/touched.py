"""`fpga touched`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fpga.project import Project


def touched(
    base: Annotated[
        str, typer.Option(metavar="REF", help="Branch or commit that this branch is to be merged into.")
    ] = "origin/main",
    as_json: Annotated[bool, typer.Option("--json", help="Print the names of the stacks as JSON.")] = False,
) -> None:
    """Tell which stacks the commits of this branch touch, in the order dev, staging, prod."""
    from fpga.console import told_when_long
    from fpga.stacks.touched import touched as find

    with told_when_long("touched", f"git compares this branch with {base}"):
        found = find(Project.here().checkout, base)
    if as_json:
        typer.echo(json.dumps(list(found)))
        return
    if not found:
        typer.echo(f"No stack is touched since {base}.")
    for stack, because in found.items():
        more = f" and {len(because) - 1} more" if len(because) > 1 else ""
        typer.echo(f"{stack:<10} {because[0]}{more}")
