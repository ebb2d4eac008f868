"""Plays commands as a person would type them, and writes down all that they print."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

_INDENT: Final = "  "
_WIDEST_RULE: Final = 100
_WORD: Final = re.compile(r"(?:`[^`]*`|\S)+")  # a command in backticks is one


class StoryError(Exception):
    """A command did not end as the story has it. The message is what it printed."""


def terminal_columns() -> int | None:
    """Columns of the terminal that standard output is, or that COLUMNS tells; None: it is none."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return shutil.get_terminal_size().columns
    return None


class Narrator:
    """Tells the story on standard output and, as it was told, in a log.

    Args:
        log: file that everything told goes into.
        columns: what a line may have; None: any number.
    """

    def __init__(self, log: Path, columns: int | None = None) -> None:
        self._log = log
        self._columns = columns
        log.write_text("")

    def act(self, title: str) -> None:
        head = f"━━ {title} "
        self.tell(f"\n{head}{'━' * max(3, min(self._columns or _WIDEST_RULE, _WIDEST_RULE) - len(head))}")

    def tell(self, text: str = "") -> None:
        print(text, flush=True)
        with self._log.open("a") as log:
            log.write(text + "\n")

    def command(self, command: Sequence[str], stdin: str = "") -> None:
        """Tells a command as it is typed; one that is too long goes on in the next line, by a backslash."""
        words = [shlex.quote(word) for word in command]
        if stdin:
            words.append(f"< {shlex.quote(stdin)}")
        room = None if self._columns is None else self._columns - len(" \\")
        self.tell(" \\\n".join(filled(("$", *words), room, _INDENT)))

    def printed(self, line: str) -> None:
        """Tells a line that a command printed; in one that is too long, no word is broken, and no command."""
        text = line.rstrip()
        indent = _INDENT + text[: len(text) - len(text.lstrip())]
        if self._columns is None or len(_INDENT + text) <= self._columns:
            self.tell(_INDENT + text if text else "")
        else:
            self.tell(
                "\n".join(indent + one for one in filled(_WORD.findall(text), self._columns - len(indent)))
            )

    def play(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        stdin: Path | None = None,
        shown: bool = True,
    ) -> str:
        """Runs a command and shows what it prints, line by line: all of it.

        Args:
            stdin: the file that it reads.
            shown: False for what a machine reads: the command is told, its output is not.

        Raises:
            StoryError: it failed.
        """
        self.command(command, os.path.relpath(stdin, folder) if stdin else "")
        columns = (self._columns or _WIDEST_RULE) - len(_INDENT)
        printed: list[str] = []
        with (
            open(stdin or os.devnull, "rb") as given,  # noqa: PTH123 - of a device, too
            subprocess.Popen(
                list(command),
                cwd=folder,
                env={**environment, "COLUMNS": str(columns)},
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if shown else subprocess.PIPE,
                text=True,
                errors="replace",
            ) as child,
        ):
            if shown:
                for line in child.stdout or ():
                    printed.append(line)
                    self.printed(line)
            else:
                output, progress = child.communicate()
                printed.append(output)
                for line in progress.splitlines():
                    self.printed(line)
        if child.returncode != 0:
            raise StoryError(f"{shlex.join(command)} ended with exit code {child.returncode}.")
        return "".join(printed)


def filled(words: Iterable[str], room: int | None, indent: str = "") -> Iterator[str]:
    """Lines of whole words, as many in each as have room; those after the first are indented."""
    line = ""
    for word in words:
        longer = f"{line} {word}" if line.strip() else line + word
        if line.strip() and room is not None and len(longer) > room:
            yield line
            longer = indent + word
        line = longer
    yield line
