"""Help pages that tell all, whatever the width: a command is told by its whole first sentence.

typer's own cut it (`Classify a photo with the deployed...`), end it at any full stop ("Print what `."),
take no terminal for narrower than 50 columns, and break options at their hyphens.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any, Final

import typer
from typer._click.formatting import HelpFormatter  # typer's own click, under no public name
from typer.core import TyperGroup

_WIDEST: Final = 80
_NARROWEST: Final = 24
_NARROW: Final = 60  # columns: below, texts stand under what they explain rather than beside it
_SENTENCE: Final = re.compile(r"(?<=\.)\s+(?=[A-Z])")


class _Page(HelpFormatter):
    """The text of a page. No word is broken: one that is longer than the page goes over its edge."""

    def __init__(self, width: int) -> None:
        super().__init__(width=width)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self.write(self._filled(f"{prefix or 'Usage: '}{prog} {args}", 0, hanging=4) + "\n")

    def write_text(self, text: str) -> None:
        paragraphs = re.split(r"\n\s*\n", text)
        self.write(
            "\n\n".join(self._filled(" ".join(one.split()), self.current_indent) for one in paragraphs)
        )
        self.write("\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        narrow = self.width < _NARROW
        names = max((len(name) for name, _ in rows), default=0)
        column = self.current_indent + (4 if narrow else min(names, col_max) + col_spacing)
        for name, text in rows:
            head = f"{'':{self.current_indent}}{name}"
            if len(head) > self.width:  # of a switch and its opposite, one a line
                head = self._filled(name, self.current_indent)
            lines = self._filled(text, column)
            if text and not narrow and len(head) + col_spacing <= column:
                head, lines = f"{head:{column}}{lines[column:]}", ""
            self.write("".join(f"{part}\n" for part in (head, lines) if part))

    def _filled(self, text: str, indent: int, *, hanging: int = 0) -> str:
        return textwrap.fill(
            " ".join(text.split()),
            self.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + hanging),
            break_long_words=False,
            break_on_hyphens=False,
        )


class _Context(typer.Context):
    def make_formatter(self) -> HelpFormatter:
        columns = shutil.get_terminal_size().columns
        return _Page(max(min(columns, _WIDEST) - 2, _NARROWEST))


class Commands(TyperGroup):
    """A group of commands; `typer.Typer(cls=Commands)`."""

    context_class = _Context

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in self.commands.values():
            command.context_class = _Context
            # what shells show beside a command, too
            command.short_help = command.short_help or first_sentence(command.help or "")

    def format_commands(self, ctx: Any, formatter: HelpFormatter) -> None:
        listed = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        rows = [(name, first_sentence(command.help or "")) for name, command in listed if not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def first_sentence(text: str) -> str:
    """The first sentence, on one line. A full stop ends it where another sentence, or nothing, follows."""
    return _SENTENCE.split(" ".join(text.split("\n\n")[0].split()), maxsplit=1)[0]
