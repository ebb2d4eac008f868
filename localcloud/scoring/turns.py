"""The turns of calls on the cores: as many at a time as there are cores, one service after the other."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Turn(Future[T]):
    """A turn that a call waits for; its result is the answer. Cancelled in time, it is not computed."""

    def __init__(self, service: str, work: Callable[[], T]) -> None:
        super().__init__()
        self.service = service
        self.work: Callable[[], T] | None = work

    def leave(self) -> None:
        """Cancels it, where it is not being computed yet."""
        self.cancel()


class Turns:
    """The cores and who computes on them, in rounds over the services that have calls.

    A call whose thread was admitted computes there, as long as a core is free. Others are handed to a pool of
    one thread a core. A service with many calls delays another one's by a single call a round. Its methods
    may be called from any thread.
    """

    def __init__(self) -> None:
        self._cores = cores()
        self._pool = running_pool(self._cores, "scoring")
        self._admitted = threading.local()
        self._lock = threading.Lock()
        self._computing = 0  # as many as there are cores while a queue is not empty
        self._queues: OrderedDict[str, deque[Turn[Any]]] = OrderedDict()  # services in the order of the round

    def admit(self) -> None:
        """Lets this thread compute. Each that does keeps some megabytes until it ends: let there be few."""
        self._admitted.here = True

    @contextmanager
    def core(self) -> Iterator[bool]:
        """Whether this thread may compute inside the block: it was admitted, and a core is free."""
        taken = hasattr(self._admitted, "here") and self._begin()
        try:
            yield taken
        finally:
            if taken:
                self._end()

    def enqueue(self, turn: Turn[Any]) -> None:
        """Has it computed when it is its turn. Nothing happens where it was cancelled."""
        with self._lock:
            if turn.cancelled():
                return
            self._queues.setdefault(turn.service, deque()).append(turn)
        if self._begin():
            self._pool.submit(self._compute)

    def withdraw(self, turn: Turn[Any]) -> None:
        """Takes out a turn that was cancelled, and lets go of all that it holds."""
        turn.work = None
        with self._lock:
            queue = self._queues.get(turn.service)
            if queue is not None and turn in queue:
                queue.remove(turn)
                if not queue:
                    del self._queues[turn.service]

    def stop(self) -> None:
        """Ends after the turns that are left."""
        self._pool.shutdown()

    def _begin(self) -> bool:
        """Takes a core, where one is free."""
        with self._lock:
            free = self._computing < self._cores
            self._computing += free
            return free

    def _end(self) -> None:
        """Gives a core to the next in the round, else back."""
        with self._lock:
            if not self._queues:
                self._computing -= 1
                return
        self._pool.submit(self._compute)

    def _compute(self) -> None:
        """The turns in the queues, one after the other, on a core that was taken."""
        while (turn := self._next()) is not None:
            if turn.set_running_or_notify_cancel():
                try:
                    assert turn.work is not None  # noqa: S101 - only a cancelled one has none
                    turn.set_result(turn.work())
                except BaseException as error:  # whoever waits for it is told, as by any executor
                    turn.set_exception(error)

    def _next(self) -> Turn[Any] | None:
        """The next in the round; None: there is none, and the core is given back."""
        with self._lock:
            if not self._queues:
                self._computing -= 1
                return None
            service, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[service] = queue  # at the end of the round
            return turn


def running_pool(number: int, name: str, initializer: Callable[[], None] | None = None) -> ThreadPoolExecutor:
    """A pool whose threads all run already: what it is given is run, also where no thread can be started."""
    pool = ThreadPoolExecutor(number, name, initializer)
    there = threading.Barrier(number + 1)
    for _ in range(number):
        pool.submit(there.wait)
    there.wait()
    return pool


def cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
