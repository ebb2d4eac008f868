"""The calls whose message is still to come: each has its time, and few of a service may take long."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

SLOW_AFTER_S: Final = 5.0
SLOW_LIMIT: Final = 16
"""Most calls of a service that may take longer than `SLOW_AFTER_S` to send; the oldest beyond are cut off.

gRPC hands a message over when it is whole, and tells nothing of it before: a call that is slow may hold as
much as the largest message.
"""

_TICK_S: Final = 0.25


@dataclass(slots=True, eq=False)
class _Call:
    service: str
    began: float
    timeout_s: float
    cut_off: Callable[[], object]


class Receiving:
    """A watch over the calls that are being received, on a thread of its own.

    Its methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._calls: dict[_Call, None] = {}  # in the order in which they began
        self._stopped = self._idle = False
        self._thread = threading.Thread(target=self._watch, name="receiving", daemon=True)
        self._thread.start()

    @contextmanager
    def watched(self, service: str, timeout_s: float, cut_off: Callable[[], object]) -> Iterator[None]:
        """Cuts the call off where the context lasts longer than the call may take."""
        call = _Call(service, time.monotonic(), timeout_s, cut_off)
        with self._changed:
            self._calls[call] = None
            if self._idle:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._calls.pop(call, None)

    def stop(self) -> None:
        """Ends the watch."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._idle = not self._calls
                # while calls come one after the other it looks now and then, and none has to wake it
                self._changed.wait(None if self._idle else _TICK_S)
                self._idle = False
                if self._stopped:
                    return
                late = _late(self._calls, time.monotonic())
                for call in late:
                    del self._calls[call]
            for call in late:
                call.cut_off()


def _late(calls: dict[_Call, None], now: float) -> list[_Call]:
    slow: Counter[str] = Counter()
    late = []
    for call in reversed(calls):
        age = now - call.began
        slow[call.service] += age >= SLOW_AFTER_S
        if age >= call.timeout_s or (age >= SLOW_AFTER_S and slow[call.service] > SLOW_LIMIT):
            late.append(call)
    return late
