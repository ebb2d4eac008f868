"""The turns of calls on the cores: as many at a time as there are cores, one service after the other."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Turn(Future[bytes]):
    """A turn that a call waits for; its result is the answer. Cancelled in time, it is not computed."""

    def __init__(self, service: str, work: Callable[[], bytes]) -> None:
        super().__init__()
        self.service, self.work = service, work

    def leave(self) -> None:
        """Cancels it, where it is not being computed yet."""
        self.cancel()


class Turns:
    """The pool of threads that compute: one thread a core, turns in rounds over the services that have calls.

    A service with many calls delays another one's by a single call a round. Its methods may be called from
    any thread.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="scoring")
        self._lock = threading.Lock()
        self._queues: OrderedDict[str, deque[Turn]] = OrderedDict()  # services in the order of the round

    def enqueue(self, turn: Turn) -> None:
        """Has it computed when it is its turn. Nothing happens where it was cancelled."""
        with self._lock:
            if turn.cancelled():
                return
            self._queues.setdefault(turn.service, deque()).append(turn)
        self._pool.submit(self._take)

    def withdraw(self, turn: Turn) -> None:
        """Takes out a turn that was cancelled, and lets go of all that it holds."""
        turn.work = bytes
        with self._lock:
            queue = self._queues.get(turn.service)
            if queue is not None and turn in queue:
                queue.remove(turn)
                if not queue:
                    del self._queues[turn.service]

    def stop(self) -> None:
        """Ends after the turns that are left."""
        self._pool.shutdown()

    def _take(self) -> None:
        with self._lock:
            if not self._queues:  # withdrawn
                return
            service, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[service] = queue  # at the end of the round
        if not turn.set_running_or_notify_cancel():
            return
        try:
            turn.set_result(turn.work())
        except BaseException as error:  # whoever waits for it is told, as by any executor
            turn.set_exception(error)


def cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
