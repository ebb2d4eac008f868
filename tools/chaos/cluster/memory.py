"""The memory of all processes of machines: what each has alone, and its share of what it shares (PSS)."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.machines import Machine

_INTERVAL_S: Final = 2.0
_PSS: Final = re.compile(r"^Pss:\s+([0-9]+) kB$", re.MULTILINE)


class Peak:
    """The most that was seen.

    Attributes:
        machines: those that are looked at.
        size: what they had together, in bytes.
    """

    def __init__(self) -> None:
        self.machines: Sequence[Machine] = ()
        self.size = 0

    def look(self) -> None:
        """Takes note of what they have now."""
        self.size = max(self.size, sum(of(machine) for machine in self.machines))


def of(machine: Machine) -> int:
    """The memory of a machine's processes in bytes, but for this one (proc_pid_smaps(5))."""
    listed = subprocess.run(
        ["ip", "netns", "pids", machine.name], capture_output=True, text=True, check=False, timeout=60
    )
    return sum(_of_process(int(pid)) for pid in listed.stdout.split() if int(pid) != os.getpid())


def _of_process(pid: int) -> int:
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:  # it has ended
        return 0
    return 0 if found is None else int(found[1]) * 1024


@contextmanager
def watched() -> Iterator[Peak]:
    """Looks again and again inside the block."""
    peak, ended = Peak(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            peak.look()
            ended.wait(_INTERVAL_S)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
