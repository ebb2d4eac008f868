"""Counts of a service's calls since it answers in this process: plain numbers, for whoever shows them."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from localcloud.scoring.minutes import Minute, Minutes

BOUNDS_S: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.25, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the durations that are told apart, in seconds.

A photo alone takes 10 to 20 ms on a core of today; with callers before it, or a batch, as many times that as
there are, until callers hang up.
"""


PREDICT: Final = "Predict"
OK: Final = "OK"


class Refused(StrEnum):
    """Why a call was refused for its key."""

    MISSING = "missing"
    MANY = "many"
    WRONG = "wrong"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True)
class Counted:
    """The counts of a service at one moment.

    Attributes:
        codes: calls that have ended, by method and name of the gRPC status.
        durations: scoring calls that were answered (OK), each by the first of `BOUNDS_S` that it is not
            above; the last number is of those above all.
        duration_s: of these calls together, in seconds.
        received_bytes: of the scoring requests that came.
        sent_bytes: of the answers to them.
        refused: calls refused for their key, by `Refused`.
    """

    codes: dict[tuple[str, str], int]
    durations: tuple[int, ...]
    duration_s: float
    received_bytes: int
    sent_bytes: int
    refused: dict[Refused, int]


def summed(*counted: Counted) -> Counted:
    """The counts of several servers of a service together."""
    codes: Counter[tuple[str, str]] = Counter()
    refused: Counter[Refused] = Counter()
    for one in counted:
        codes.update(one.codes)
        refused.update(one.refused)
    durations = zip(*(one.durations for one in counted), strict=True)
    return Counted(
        dict(codes),
        tuple(map(sum, durations)) or (0,) * (len(BOUNDS_S) + 1),
        sum(one.duration_s for one in counted),
        sum(one.received_bytes for one in counted),
        sum(one.sent_bytes for one in counted),
        dict(refused),
    )


class Counts:
    """Counters of one service. Their methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: Counter[tuple[str, str]] = Counter()
        self._durations = [0] * (len(BOUNDS_S) + 1)
        self._duration_s = 0.0
        self._received_bytes = self._sent_bytes = 0
        self._refused: Counter[Refused] = Counter()
        self._minutes = Minutes()

    def received(self, size: int) -> None:
        """Counts a scoring request of `size` bytes that came whole."""
        with self._lock:
            self._received_bytes += size

    def refused(self, reason: Refused) -> None:
        """Counts a call that was refused for its key; it is ended as any other."""
        with self._lock:
            self._refused[reason] += 1

    def answered(self, duration_s: float, size: int) -> None:
        """Counts a scoring call that ended with OK, after `duration_s` seconds and with `size` bytes."""
        with self._lock:
            self._codes[PREDICT, OK] += 1
            self._durations[bisect_left(BOUNDS_S, duration_s)] += 1
            self._duration_s += duration_s
            self._sent_bytes += size
            self._minutes.count(time.monotonic(), is_answered=True)

    def ended(self, method: str, code: str) -> None:
        """Counts any other call that ended."""
        with self._lock:
            self._codes[method, code] += 1
            if method == PREDICT:
                self._minutes.count(time.monotonic(), is_answered=code == OK)

    def last_hour(self) -> tuple[Minute, ...]:
        """The scoring calls of the last sixty minutes, the one that is not over last."""
        with self._lock:
            return self._minutes.hour(time.monotonic())

    def now(self) -> Counted:
        """The counts as they are."""
        with self._lock:
            return Counted(
                dict(self._codes),
                tuple(self._durations),
                self._duration_s,
                self._received_bytes,
                self._sent_bytes,
                dict(self._refused),
            )
