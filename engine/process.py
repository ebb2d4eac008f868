"""Running the slow tools (go, npm, pip, pulumi) with their output turned into progress."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.errors import EngineError

TAIL_LINES = 25
"""Lines of a failed tool's output that its error shows."""


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    env: Mapping[str, str],
    cwd: Path,
    on_line: Callable[[str], None] | None = None,
    explain: Callable[[str], str | None] | None = None,
) -> None:
    """Runs `command`, gives each line of its output (both streams) to `on_line`, and waits for its end.

    Args:
        explain: takes each line, too; gives a sentence where the line tells why the command will fail.

    Raises:
        EngineError: the command is missing or its exit code is not 0; the message begins with `what` failed
            and ends with what `explain` gave, else with the last lines of the output.
    """
    reason: str | None = None
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        child = subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
    except OSError as error:
        raise EngineError(f"{what} failed: {command[0]} cannot be run ({error.strerror}).") from error
    with child:
        assert child.stdout is not None  # noqa: S101 - asked for above
        try:
            for line in child.stdout:
                if text := line.rstrip():
                    tail.append(text)
                    if explain is not None and reason is None:
                        reason = explain(text)
                    if on_line is not None:
                        on_line(text)
            code = child.wait()
        except BaseException:  # Ctrl-C, above all: compilers started by the tool must not go on alone
            signal_group(child, signal.SIGKILL)
            raise
    if code != 0 and reason is not None:
        raise EngineError(f"{what} failed: {reason}")
    if code != 0:
        shown = "\n".join(f"    {line}" for line in tail)
        raise EngineError(f"{what} failed with exit code {code}. Its last words:\n{shown}")


def signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    """Sends a signal to `child` and to all that it started; it leads a process group of its own."""
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return
