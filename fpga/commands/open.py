"""`fpga open`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from fpga.commands.cloud import Data
from fpga.errors import CommandError
from fpga.project import Project

_PAGE: Final = "/portal"


def open_page(
    data: Data = None,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", help="Have a browser show it, or print its address alone."),
    ] = True,
) -> None:
    """Open the page of localcloud in the browser, and print its address. No secret is in it.

    The page asks for the client's ID and secret: where they are is told, and so is whom to trust.
    """
    import webbrowser

    from fpga.console import told_when_long
    from localcloud import control

    folder = Project.here().cloud if data is None else data.expanduser().absolute()
    with told_when_long("page", f"the localcloud of {folder} is to answer"):
        status = control.status(folder)
    if not status.running or status.https is None:
        raise CommandError(f"No localcloud runs on {folder}: `fpga cloud up` starts one.")
    address = f"{status.https}{_PAGE}"
    typer.echo(address)
    typer.echo(f"Sign in as {status.client_id}, with the secret in {status.client_secret_file}.", err=True)
    if status.needs_roots:
        typer.echo(f"The browser must trust {status.ca}, or be told to go on without.", err=True)
    if not browser:
        return
    # one of text has the terminal to itself, which no word may move
    typer.echo("A browser is asked to show it.", err=True)
    if not webbrowser.open(address):
        typer.echo("No browser is found (BROWSER names one): open the address by hand.", err=True)
