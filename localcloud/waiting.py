"""Waiting for another process that tells nobody: the one place where this room sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable

_LOOK_INTERVAL_S = 0.02


def until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Looks again and again until `condition` is true: whether it came true within `patience_s` seconds.

    It is looked at once at least. What it raises ends the waiting.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_INTERVAL_S)
    return True
