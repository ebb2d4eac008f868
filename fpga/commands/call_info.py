"""`fpga call-info`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from fpga.commands import service_option
from fpga.commands.predict import Key
from fpga.commands.stack_option import Stack as StackName
from fpga.errors import CommandError
from fpga.predict.snippets import Language
from fpga.project import Project


class Format(StrEnum):
    """A form in which it is printed."""

    shell = "shell"
    json = "json"
    key = "key"


def call_info(
    stack: StackName,
    service: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Service to tell of: one of the stack's, or another of its account.",
            show_default="the stack's only one",
            autocompletion=service_option.named,
        ),
    ] = None,
    language: Annotated[
        Language | None,
        typer.Option(help="Print lines of a program that connects to it instead.", show_default=False),
    ] = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="Form: exports for a POSIX shell, JSON, or nothing but the key, in the clear."
        ),
    ] = Format.shell,
    key: Annotated[Key, typer.Option(help="Key to be sent, where SSL is on.")] = Key.primary,
) -> None:
    """Tell what a program needs to call a deployed service: name, address, ports, root, model, and the key.

    `eval "$(fpga call-info)"` sets the variables that the samples read (samples/README.md). The key is shown
    by `--format key` alone: the exports have the command that fills its variable.
    """
    from fpga.console import told_when_long
    from fpga.predict import described
    from fpga.predict.snippets import snippet

    if language is not None and form is not Format.shell:
        raise CommandError("--language prints lines of a program: leave --format out, or --language.")
    with told_when_long("call-info", f"the stack {stack} is read, and its account asked"):
        found = described.look(Project.here(), stack, service, key.value)
    if form is Format.key:
        if not found.info.tls:
            raise CommandError(
                f"SSL is off at {found.info.service}: it asks for no key, and anyone may call it."
            )
        typer.echo(found.key)
    elif form is Format.json:
        typer.echo(json.dumps(found.info.to_json(), indent=2))
    elif language is not None:
        typer.echo(snippet(found.info, language))
    else:
        typer.echo(found.info.exports())
