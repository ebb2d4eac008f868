"""Waiting: for another process that tells nobody, and for the next turn of what is done again and again."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

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


@contextlib.contextmanager
def every(interval_s: float, do: Callable[[], object], *, thread: str) -> Iterator[None]:
    """Has something done every so many seconds inside the block, and waits for the last turn at its end.

    Args:
        do: must not raise.
        thread: name of the thread that does it.
    """
    stopping = threading.Event()

    def go_on() -> None:
        while not stopping.wait(interval_s):
            do()

    worker = threading.Thread(target=go_on, name=thread, daemon=True)
    worker.start()
    try:
        yield
    finally:
        stopping.set()
        worker.join()
