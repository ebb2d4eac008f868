"""`fpga stack new|init|environment|schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga.commands.stack_option import default, named, plain_name
from fpga.errors import CommandError
from fpga.project import DEFAULT_STACK, Project

app = typer.Typer(
    help="Make stacks, one for each environment, and select them for a shell.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="STACK", help="The stack's name, such as dev.")]
Known = Annotated[
    str, typer.Argument(metavar="STACK", help="The stack's name, such as dev.", autocompletion=named)
]


def _kinds(incomplete: str) -> list[str]:
    from fpga.stacks.presets import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


@app.command()
def new(
    name: Name,
    kind: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="KIND",
            help="Start from the settings of dev, staging or prod.",
            show_default="dev",
            autocompletion=_kinds,
        ),
    ] = None,
    cloud: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Run on the localcloud with this data folder.", show_default="Azure"
        ),
    ] = None,
    management: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Have account and service, and nothing else, on the localcloud with this data folder.",
            show_default="where all else is",
        ),
    ] = None,
    backend_url: Annotated[
        str | None,
        typer.Option(
            "--backend",
            metavar="URL",
            help="Where its state is to be.",
            show_default="file://.local/state",
        ),
    ] = None,
    secrets_provider: Annotated[
        str | None,
        typer.Option(
            help="What encrypts its secrets: passphrase, or azurekeyvault://VAULT/keys/KEY.",
            show_default="passphrase",
        ),
    ] = None,
) -> None:
    """Write a commented configuration, and where the state is: Pulumi.STACK.yaml and Backend.STACK.yaml.

    Nothing is overwritten: what one of them lacks is written. Nothing is made in any cloud.
    """
    from fpga.console import told_when_long
    from fpga.stacks import new_stack

    project = Project.here()
    with told_when_long("stack", "the localcloud that it is to be on is asked"):
        made = new_stack.write(project, name, kind, cloud, management, backend_url, secrets_provider)
    for file in made.files:
        typer.echo(f"Written: {file}")
    typer.echo("\nNext:")
    for step in made.next_steps:
        typer.echo(f"  {step}")


@app.command()
def init(name: Known) -> None:
    """Make the stack in its backend: `pulumi stack init` with its secrets provider, and a passphrase before.

    A passphrase is made only where nothing was ever encrypted: what was, is lost without the old one.
    """
    from fpga.console import told_when_long
    from fpga.stacks import new_stack

    project, name = Project.here(), plain_name(name)
    file = project.stack_file(name)
    try:
        with told_when_long("stack", f"the engine makes {name}"):
            made = new_stack.init(project, name)
    except CommandError as error:
        if "already exists" not in str(error):
            raise
        typer.echo(f"The stack {name} is there already.")
        return
    typer.echo(f"The stack {name} is made. Commit {file}: it says what secrets are encrypted with.")
    if made is not None:
        typer.echo(
            f"Its passphrase was made, too: {made}. Whoever works on the stack needs it: keep it safe."
        )


@app.command()
def environment(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STACK",
            help="The stack's name, such as dev.",
            default_factory=default,
            show_default="the shell's, or local",
            callback=plain_name,
            autocompletion=named,
        ),
    ],
    sign_in: Annotated[
        bool,
        typer.Option("--sign-in", help="With the key of the storage account that holds the state: a secret."),
    ] = False,
) -> None:
    """Print what `. .local/activate` sets for a stack, as commands of a POSIX shell."""
    from fpga.console import told_when_long
    from fpga.stacks import backend

    with told_when_long("stack", f"the storage account of the state of {name} is asked for its key"):
        told = backend.shell(Project.here(), name, signed_in=sign_in)
    typer.echo(told, nl=False)


@app.command()
def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: fail where one of them is out of date.")
    ] = False,
) -> None:
    """Write the JSON schemas of stack files, and the comments of the committed ones, as the program has them.

    The committed files of stacks are Contoso's. One that is yours, by its domain, account or state, or
    because its stack was made, is left as it is, and so are the values in all of them.
    """
    from fpga.files import write_whole
    from fpga.stacks import generated

    stale = []
    for file, text in generated.files(Project.here().stack_file(DEFAULT_STACK).parent).items():
        if check:
            stale += [str(file)] if not file.is_file() or file.read_text() != text else []
            continue
        file.parent.mkdir(exist_ok=True)
        if write_whole(file, text.encode()):
            file.chmod(0o644)
            typer.echo(f"Written: {file}")
    if stale:
        raise CommandError(
            f"Out of date: {', '.join(stale)}. `fpga stack schema` writes them anew; commit that."
        )
