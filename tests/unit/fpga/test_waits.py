"""Every command says what it waits for: the whole table, so that a new one is looked at, too."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import typer

from fpga.cli import app

TELLING: Final = {"told_when_long", "stage", "wait", "ending"}
"""Names by which a command's own module says what it waits for."""
SHORT: Final = {
    "certs check": "reads files, and says itself which of them are pipes",
    "certs convert": "reads files, and says itself which of them are pipes",
    "cloud manifests": "writes texts that it has",
    "completion": "prints a text",
    "stack schema": "writes texts that it has",
}


def commands(group: typer.Typer, before: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """The commands by what is typed."""
    for command in group.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        yield f"{before}{name}", inspect.unwrap(command.callback)
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from commands(below.typer_instance, f"{before}{below.name or below.typer_instance.info.name} ")


COMMANDS: Final = dict(commands(app))


def names(function: Callable[..., Any]) -> set[str]:
    """All names that a function has, and those that functions of its module have which it names."""
    module = inspect.getmodule(function)
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    found: set[str] = set()
    wanted = [function.__name__]
    while wanted:
        here = functions.pop(wanted.pop(), None)
        if here is None:
            continue
        inside = {one.id for one in ast.walk(here) if isinstance(one, ast.Name)}
        inside |= {one.attr for one in ast.walk(here) if isinstance(one, ast.Attribute)}
        found |= inside
        wanted += inside
    return found


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - SHORT.keys()))
def test_a_command_says_what_it_waits_for(command: str) -> None:
    assert names(COMMANDS[command]) & TELLING, "say it with fpga.console.told_when_long"


def test_those_that_wait_for_nothing_are_there() -> None:
    assert not SHORT.keys() - COMMANDS.keys()
