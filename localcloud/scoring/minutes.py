"""The scoring calls of the last hour, minute by minute: a ring of counters. Not for more than one thread."""

from __future__ import annotations

from typing import Final, NamedTuple

MINUTES: Final = 60
_MINUTE_S: Final = 60


class Minute(NamedTuple):
    """The scoring calls that ended in a minute: those answered, and the others."""

    answered: int
    failed: int


class Minutes:
    """A ring with a place for each of the last sixty minutes."""

    def __init__(self) -> None:
        self._answered = [0] * MINUTES
        self._failed = [0] * MINUTES
        self._latest = 0

    def count(self, now_s: float, *, is_answered: bool) -> None:
        """Counts a call that has just ended.

        Args:
            now_s: seconds of a clock that never goes back.
        """
        place = self._turn(now_s)
        (self._answered if is_answered else self._failed)[place] += 1

    def hour(self, now_s: float) -> tuple[Minute, ...]:
        """The last sixty minutes, the one that is not over last."""
        place = self._turn(now_s)
        order = [(place + 1 + i) % MINUTES for i in range(MINUTES)]
        return tuple(Minute(self._answered[i], self._failed[i]) for i in order)

    def _turn(self, now_s: float) -> int:
        """The place of this minute; those that were not reached since the last call are empty."""
        minute = int(now_s // _MINUTE_S)
        if minute > self._latest:
            for gone in range(max(self._latest, minute - MINUTES) + 1, minute + 1):
                self._answered[gone % MINUTES] = self._failed[gone % MINUTES] = 0
            self._latest = minute
        return self._latest % MINUTES
