"""Waiting for an authority: as long as it says (Retry-After, RFC 9110, 10.2.3), never past a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from certs.acme.problems import late
from surroundings.https import retry_after_s

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
DEADLINE_S = 600.0


@dataclass
class Pace:
    """The pauses of one piece of work. Times in seconds; tests replace clock and sleep.

    Attributes:
        deadline_s: how long all of the work may take.
        clock: a clock that only needs to move on steadily.
        wall: the time of day, which a date in Retry-After is held against.
        tell: given a line before each pause: what is waited for, and how long.
        limit: the name of the setting that `deadline_s` comes from.
    """

    deadline_s: float = DEADLINE_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time
    tell: Callable[[str, float], None] | None = None
    limit: str = ""
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = self.clock() + self.deadline_s

    @property
    def left_s(self) -> float:
        """The time that is left; negative after the deadline."""
        return self._end - self.clock()

    def pause(self, what: str, seen: str, asked: str | None, turn: int, problem_type: str = "") -> None:
        """Waits before the next look.

        Args:
            asked: the value of Retry-After; without it the pause doubles with each `turn` (from 0).
            problem_type: that of the refusal that is waited out, if it is one.

        Raises:
            certs.errors.AcmeError: the pause would end after the deadline; at once, for to wait for nothing
                helps nobody.
        """
        pause_s = retry_after_s({"Retry-After": asked or ""}, self.wall)
        if not pause_s:  # nor is "at once" taken at its word
            pause_s = min(FIRST_PAUSE_S * 2 ** min(turn, 16), LONGEST_PAUSE_S)
        else:
            seen = f"{seen} (it asks to come back after {pause_s:g} s)"
        if pause_s > self.left_s:
            raise late(what, seen, self.deadline_s, problem_type, self.limit)
        if self.tell:
            self.tell(f"Waiting for {what}; seen: {seen}", pause_s)
        self.sleep(pause_s)
