"""What stands in a Markdown file: its blocks, the hidden shell between them, links and code in its text.

A block is marked by the first word behind its fence:

    sh        is typed: a test runs it, in its order, with all typed blocks of the file in one shell
    console   commands that are an example: the first line says for what, `# example: …`
    text      a drawing, a form, what a command prints; `text printed`: what a typed block above it prints, as
              a test compares, but for numbers, dates and addresses
    json, yaml

A hidden comment whose first line is `sh` is run in its place, too: it makes what the page takes for granted.
One whose first line is `answers` says, by lines such as `value: => secret`, what is answered to what the next
block asks. One whose first line is `not here` says which commands of the next block a test does not type, and
why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

CHECKOUT: Final = Path(__file__).parents[3]
README: Final = CHECKOUT / "README.md"
FILES: Final = (README, *sorted({*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")} - {README}))

_HIDDEN: Final = re.compile(r"<!--\s*(sh|answers|not here)\n(.*?)\n?-->\s*", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block, or a hidden comment.

    Attributes:
        kind: the first word behind the fence, or `hidden`, `answers`; `indented`: it has no fence.
        text: of a typed block, what the test types.
        line: number of its first line in the file.
        printed: whether its lines must be printed.
    """

    kind: str
    text: str
    line: int
    printed: bool = False


def tokens(file: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(file.read_text())


def blocks(file: Path) -> Iterator[Block]:
    """Fenced blocks and hidden comments, in their order."""
    left_out: list[str] = []
    for token in tokens(file):
        line = (token.map or [0])[0] + 2
        if token.type == "fence":
            kind, _, more = token.info.partition(" ")
            yield Block(kind, _without(token.content, left_out), line, printed=more == "printed")
            left_out = []
        elif token.type == "code_block":
            yield Block("indented", token.content, line)
        elif token.type == "html_block" and (hidden := _HIDDEN.fullmatch(token.content)):
            if hidden[1] == "not here":
                left_out = [command.split(" # ")[0] for command in hidden[2].splitlines()]
            else:
                yield Block("hidden" if hidden[1] == "sh" else hidden[1], hidden[2], line)


def _without(text: str, commands: list[str]) -> str:
    lines = text.splitlines(keepends=True)
    for command in commands:
        kept = [line for line in lines if not line.startswith(command)]
        assert len(kept) < len(lines), f"no line of the next block begins with {command!r}"
        lines = kept
    return "".join(lines)


def inline(file: Path) -> Iterator[tuple[str, str]]:
    """Code and links in the text: (`code`, its content) or (`link`, its address)."""
    for token in tokens(file):
        for child in token.children or ():
            if child.type == "code_inline":
                yield "code", child.content
            elif child.type == "link_open":
                yield "link", str(child.attrs["href"])


def anchors(file: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    listed = tokens(file)
    return {
        re.sub(r"[^\w\- ]", "", listed[index + 1].content.lower()).replace(" ", "-")
        for index, token in enumerate(listed)
        if token.type == "heading_open"
    }
