"""The wait for operations that take time: the one place that polls.

The service says when to ask again (Retry-After); where it does not, the pause doubles from 50 ms to 5 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from clients.azure.errors import DeadlineExceeded

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0

T = TypeVar("T")


@dataclass(frozen=True)
class Pending:
    """An operation that is not done yet.

    Attributes:
        seen: what was seen instead, for the message when time runs out.
        retry_after_s: when to look again, in seconds, if the service said so.
    """

    seen: str
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Waiter:
    """A poller, with a clock and a sleep that tests replace. Times in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until_done(
        self,
        look: Callable[[], T | Pending],
        *,
        what: str,
        deadline_s: float,
        accepted: Pending | None = None,
    ) -> T:
        """Calls `look` until it returns something other than Pending.

        Args:
            what: what is waited for, the start of the message when time runs out.
            deadline_s: how long to wait at most.
            accepted: what the answer that started it said: there is a pause before the first look.

        Raises:
            DeadlineExceeded: time ran out; the message tells what was seen last.
        """
        end = self.clock() + deadline_s
        pause_s = FIRST_PAUSE_S
        while True:
            found = accepted or look()
            accepted = None
            if not isinstance(found, Pending):
                return found
            left_s = end - self.clock()
            if left_s <= 0:
                raise DeadlineExceeded(f"{what}: not done within {deadline_s:g} s; last seen: {found.seen}")
            asked_s = found.retry_after_s
            self.sleep(min(left_s, asked_s or pause_s))
            if not asked_s:  # nor is "at once" taken at its word
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
