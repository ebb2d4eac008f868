from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from fpga.cli import app
from fpga.help_page import first_sentence


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


ALL = dict(commands(typer.main.get_command(app)))


def page(words: tuple[str, ...], columns: int) -> str:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": str(columns)}, prog_name="fpga")
    assert shown.exit_code == 0, shown.output
    return shown.output


def on_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_page_tells_all_within_the_width(words: tuple[str, ...], columns: int) -> None:
    shown = page(words, columns)
    assert max(map(len, shown.splitlines())) <= columns
    assert not [line for line in shown.splitlines() if line != line.rstrip()]
    told = on_one_line(shown)
    command = ALL[words]
    for text in (command.help, *(one.help for one in command.params)):
        assert on_one_line(text or "") in told
    for one in command.params:
        called = one.opts if one.param_type_name == "option" else [one.metavar or one.name]
        assert all(name in told for name in called)
    for name, inner in getattr(command, "commands", {}).items():
        assert on_one_line(f"{name} {first_sentence(inner.help)}") in told
    assert "…" not in told
    assert "..." not in re.sub(r"(\[ARGS\]|\{PATH\}|\{PHOTO\}|\[ADDRESS\])\.\.\.", "", told)
    assert told.count("`") % 2 == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Print what `. .local/activate` sets.\n\nMore.", "Print what `. .local/activate` sets."),
        ("Show it, and why. Nothing is changed.", "Show it, and why."),
        (
            "Write Pulumi.STACK.yaml and\nBackend.STACK.yaml.",
            "Write Pulumi.STACK.yaml and Backend.STACK.yaml.",
        ),
        ("Look at all", "Look at all"),
        ("", ""),
    ],
)
def test_a_sentence_ends_where_another_begins(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence
