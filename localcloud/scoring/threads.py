"""The threads on which gRPC runs the handlers of calls: few that may compute, and many that wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from localcloud.scoring.turns import cores, running_pool

P = ParamSpec("P")
T = TypeVar("T")


class CallThreads(ThreadPoolExecutor):
    """A pool of which one thread a core may compute; the others take calls while these have some.

    Args:
        number: how many others there may be.
        admit: called by each thread that may compute, when it begins.
    """

    def __init__(self, number: int, admit: Callable[[], None]) -> None:
        super().__init__(number, "calls")
        self._few = running_pool(cores(), "calls that compute", admit)
        self._idle = deque([None] * cores())  # appending and popping are atomic

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs it on a thread that may compute, where one is idle, else on another."""
        try:
            self._idle.pop()
        except IndexError:
            return super().submit(fn, *args, **kwargs)
        future = self._few.submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _done: self._idle.append(None))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends when what they run has."""
        self._few.shutdown(wait, cancel_futures=cancel_futures)
        super().shutdown(wait, cancel_futures=cancel_futures)
