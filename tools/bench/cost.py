"""The cost of one command: wall clock, and CPU of all processes that it started."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """The cost of one command, in seconds; CPU is that of all processes it started and waited for."""

    wall_s: float
    cpu_s: float


def of(work: Callable[[], Any]) -> Cost:
    """Runs a piece of work that starts commands; what they cost."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
