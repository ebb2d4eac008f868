"""A notice on standard error that a command waits for a pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

QUIET_S = 2.0
"""A wait is told of when it has lasted this long."""


@contextmanager
def told(*files: Path | None) -> Iterator[None]:
    """Says on standard error which of the `files` are pipes, once reading them has lasted a while."""
    pipes = [str(file) for file in files if file is not None and file.is_fifo()]
    if not pipes:
        yield
        return
    words = f"Waiting for the end of what is written into {', '.join(pipes)} …"
    timer = threading.Timer(QUIET_S, typer.echo, [words], {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
