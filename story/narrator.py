"""Plays commands as a person would type them, and writes down all that they print."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class StoryError(Exception):
    """A command did not end as the story has it. The message is what it printed."""


class Narrator:
    """Tells the story on standard output and, as it was told, in a log.

    Args:
        log: file that everything told goes into.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        log.write_text("")

    def act(self, title: str) -> None:
        self.tell(f"\n━━ {title} {'━' * max(3, 96 - len(title))}")

    def tell(self, text: str = "") -> None:
        print(text, flush=True)
        with self._log.open("a") as log:
            log.write(text + "\n")

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
        self.tell(f"$ {shlex.join(command)}" + (f" < {stdin.name}" if stdin else ""))
        printed: list[str] = []
        with (
            open(stdin or os.devnull, "rb") as given,  # noqa: PTH123 - of a device, too
            subprocess.Popen(
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if shown else None,
                text=True,
                errors="replace",
            ) as child,
        ):
            for line in child.stdout or ():
                printed.append(line)
                if shown:
                    self.tell(f"  {line.rstrip()}")
        if child.returncode != 0:
            raise StoryError(f"{shlex.join(command)} ended with exit code {child.returncode}.")
        return "".join(printed)
