"""The typed blocks of a document, typed: in their order, in one shell, on a terminal, with answers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support.documents.markdown import CHECKOUT, blocks

TIMEOUT_S: Final = 900.0
_MARK: Final = "@@ "
_END: Final = f"{_MARK}end"
_CONTROL: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()=>78].?)|\r")
# An update asks with a menu, which is answered so; an activated shell begins without such variables.
_ACTIVATION: Final = re.compile(r"^(.*\. \.local/activate.*)$", re.MULTILINE)
_CONFIRMED: Final = r"\1\nexport PULUMI_SKIP_CONFIRMATIONS=true"
_SIZE: Final = struct.pack("HHHH", 50, 120, 0, 0)  # rows, columns
_NO_PERSON: Final = ("CI", "BUILD_", "GITHUB_", "JENKINS_", "TF_BUILD")  # what says that nobody is there


class DocumentError(AssertionError):
    """A block does not do what its document says. The message has its place and what was printed."""


def play(file: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """Types a document in a folder; returns all that was printed.

    Raises:
        DocumentError: a command failed, or the time is over.
    """
    script, answers = _script(file)
    variables = {name: value for name, value in environment.items() if not name.startswith(_NO_PERSON)}
    variables |= {"TERM": "xterm"}
    keyboard, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, _SIZE)
    with (
        os.fdopen(keyboard, "r+b", buffering=0) as screen,
        subprocess.Popen(
            ["sh", "-c", script],
            cwd=folder,
            env=variables,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        ) as shell,
    ):
        os.close(terminal)
        try:
            printed = _follow(screen.fileno(), shell, answers)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # it leads a session of its own
    if shell.returncode != 0 or _END not in printed:
        raise DocumentError(f"exit code {shell.returncode} at {printed.rpartition(_MARK)[2][-6000:]}")
    return printed


def _script(file: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """What is typed, with a line printed before each block that names its place; and what is answered.

    An answer has the line of its block, what is asked there, and what is typed then.
    """
    lines, asked = ["set -e"], ""
    answers: list[tuple[str, str, str]] = []
    for block in blocks(file):
        if block.kind == "answers":
            asked = block.text
        elif block.kind in ("sh", "hidden"):
            mark = f"{_MARK}{os.path.relpath(file, CHECKOUT)}:{block.line}."
            lines += [f"echo '{mark}'", _ACTIVATION.sub(_CONFIRMED, block.text)]
            for line in asked.splitlines():
                prompt, _, answer = line.partition(" => ")
                answers.append((mark, prompt, answer))
            asked = ""
    return "\n".join([*lines, f"echo '{_END}'"]) + "\n", answers


def _follow(screen: int, shell: subprocess.Popen[bytes], answers: list[tuple[str, str, str]]) -> str:
    """Reads what is printed until the shell ends, and answers what is asked."""
    printed, ends, waiting = "", time.monotonic() + TIMEOUT_S, list(answers)
    while time.monotonic() < ends:
        ready, _, _ = select.select([screen], [], [], 0.2)
        if not ready and shell.poll() is not None:
            break
        if ready:
            try:
                printed += os.read(screen, 1 << 16).decode(errors="replace")
            except OSError:  # nobody has the terminal open any more
                shell.wait()
                break
        if waiting and waiting[0][1] in printed.partition(waiting[0][0])[2]:
            os.write(screen, f"{waiting.pop(0)[2]}\r".encode())
    return _CONTROL.sub("", printed)
