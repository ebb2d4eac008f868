"""The standard streams, in a form that a program can go on with: a closed one takes all in silence, and so
does one whose reader left.

A program that dies of a word that nobody reads leaves its work half done. Where standard output is closed,
the first file that is opened would be that of every child.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, Final, cast

_MODES: Final = (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)


def settle() -> None:
    """Opens those of the three that are closed, and has a broken pipe end no process."""
    for number, mode in enumerate(_MODES):
        try:
            os.fstat(number)
        except OSError:
            # the lowest number that is free: this very one
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process
    # One that a test, or who imports this, has put there is theirs.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _outlet(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _outlet(2, sys.stderr)


class _Outlet(io.FileIO):
    """A file descriptor; when nobody reads from it any more, it leads to nowhere."""

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content) or 0
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(memoryview(content).cast("B"))


def _outlet(number: int, before: io.TextIOWrapper | Any) -> io.TextIOWrapper:
    raw = _Outlet(number, "w", closefd=False)
    unbuffered = bool(getattr(before, "write_through", False)) and number == 1  # python -u
    return io.TextIOWrapper(
        # as Python itself does: bytes that are written to `sys.stdout.buffer` go out at once, too
        cast(io.BufferedWriter, raw) if unbuffered else io.BufferedWriter(raw),
        encoding=before.encoding if before is not None else "utf-8",
        errors=before.errors if before is not None else "backslashreplace",
        line_buffering=number == 2 or os.isatty(number),
        write_through=unbuffered,
    )
