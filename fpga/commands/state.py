"""`fpga state init|unlock|settle|recover|rotate-passphrase`."""

from __future__ import annotations

from typing import Annotated

import typer

from fpga.commands.stack_option import Stack as StackName
from fpga.project import Project

app = typer.Typer(
    help="Make the place of a stack's state, clear up after a run that died, rotate its passphrase.",
    no_args_is_help=True,
)


@app.command()
def init(
    stack: StackName,
    resource_group: Annotated[
        str, typer.Option(metavar="NAME", help="Resource group of a storage account that has to be made.")
    ] = "pulumi-state",
    location: Annotated[
        str, typer.Option(metavar="REGION", help="Where that group and that account are made.")
    ] = "eastus2",
) -> None:
    """Make what the stack's Backend file names, storage account and container or folder, and the stack.

    What is there stays. Signs in to Azure as the stack does: its azure-native settings, or ARM_*.
    """
    from fpga.console import told_when_long
    from fpga.stacks import state_place

    with told_when_long("state", f"the place of the state of {stack} is made"):
        state_place.make(Project.here(), stack, resource_group, location, typer.echo)


@app.command()
def unlock(
    stack: StackName,
    force: Annotated[
        bool,
        typer.Option("--force", help="Take it away from a run of another machine, which has surely ended."),
    ] = False,
) -> None:
    """Give back the lock of a run that was killed: says who holds it, and refuses while that one lives.

    Then `fpga state settle` reads what that run had under way, and `pulumi up` goes on where it stopped.
    """
    from fpga.console import told_when_long
    from fpga.stacks import state_place

    with told_when_long("state", f"the locks of {stack} are looked at, and given back"):
        state_place.unlock(Project.here(), stack, typer.echo, force=force)


@app.command()
def settle(stack: StackName) -> None:
    """Settle what a run that was killed had under way: its creates are looked for, and come into the state.

    Nothing changes in the cloud. `fpga up`, `fpga apply` and `fpga adopt` do it by themselves.
    """
    from fpga.console import told_when_long
    from fpga.stacks import pending

    with told_when_long("state", f"the state of {stack} is read, and the cloud asked"):
        is_settled = pending.settle(Project.here(), stack, typer.echo)
    if not is_settled:
        typer.echo(f"Nothing was under way on the stack {stack}.")


@app.command()
def recover(stack: StackName) -> None:
    """Put the newest whole copy of a state in its place that was torn in its folder, when the machine died.

    The torn one is kept beside it. A state that is whole stays as it is.
    """
    from fpga.console import told_when_long
    from fpga.stacks import recovery

    with told_when_long("state", f"the copies of the state of {stack} are read"):
        recovery.recover(Project.here(), stack, typer.echo)


@app.command()
def rotate_passphrase(stack: StackName) -> None:
    """Encrypt the stack's file and state, and those of all that share its passphrase, with a new one.

    The old one is kept beside it, for backups. A rotation that was cut off is ended by this command.
    """
    from fpga.console import told_when_long
    from fpga.stacks import passphrase

    with told_when_long("state", "the engine encrypts it anew"):
        passphrase.rotate(Project.here(), stack, typer.echo)
