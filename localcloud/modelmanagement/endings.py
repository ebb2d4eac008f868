"""The evidence of how a process ended: by its own doing, or by somebody's who killed it.

A crash in native code (SIGSEGV, SIGABRT and their like) is reported by Python's faulthandler, with the thread
that it happened in. The system's killing for want of memory leaves a count. Any other end leaves neither.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_CURRENT: Final = re.compile(r"^Current thread 0x([0-9a-f]+)", re.MULTILINE)

log = logging.getLogger(__name__)


@contextmanager
def reported(file: Path) -> Iterator[str]:
    """The report of the last process's crash, empty where it had none; this one's goes to the file meanwhile.

    Where faulthandler is on already, as it is under pytest, it is left as it is.

    Args:
        file: of one process at a time.
    """
    report = file.read_text(errors="replace") if file.exists() else ""
    for line in report.splitlines():
        log.warning("the last process crashed: %s", line)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as kept:
        taken = not faulthandler.is_enabled()
        if taken:
            faulthandler.enable(kept)
        try:
            yield report
        finally:
            if taken:
                faulthandler.disable()
            file.unlink(missing_ok=True)


def names_thread(report: str, thread: int) -> bool:
    """Whether a report is of a crash in that thread, or in one that Python does not know, as onnxruntime has.

    Args:
        thread: as `threading.get_ident` tells it.
    """
    current = _CURRENT.search(report)
    return bool(report) and (current is None or int(current[1], 16) == thread)


def memory_kills() -> int | None:
    """How many processes the system has killed for want of memory so far; None: it does not tell."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return None


def killed_for_memory(before: int | None) -> bool:
    """Whether the system killed a process for want of memory since it told that count, as far as is known."""
    now = memory_kills()
    return before is None or now is None or now > before
