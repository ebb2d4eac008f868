"""The calls of all services: where they wait, and for how many there is a place.

A call is received on a thread that waits for it (`threads`), and computed when a core is free (`turns`), on
that thread or on one that does nothing else. All are bounded, so that who sends slowly, or much, delays and
exhausts nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Final, TypeVar

from localcloud.scoring.places import Limits, Places
from localcloud.scoring.receiving import Receiving
from localcloud.scoring.threads import CallThreads
from localcloud.scoring.turns import Turn, Turns
from localcloud.scoring.wrong_keys import WrongKeys

T = TypeVar("T")

_MIB: Final = 1024 * 1024
RECEIVING: Final = Limits(total=256, service=128, peer=96, kept=4, total_bytes=0, service_bytes=0)
"""Of calls whose message is still to come; its size is not known before it is there."""

WAITING: Final = Limits(
    total=256, service=128, peer=96, kept=4, total_bytes=512 * _MIB, service_bytes=256 * _MIB
)
"""Of calls whose message is there, until they are answered."""

WATCHING: Final = Limits(total=4096, service=1024, peer=256, kept=16, total_bytes=0, service_bytes=0)
"""Of calls that watch a service's health; they hold no thread."""

WEB: Final = Limits(total=128, service=64, peer=32, kept=4, total_bytes=512 * _MIB, service_bytes=256 * _MIB)
"""Of requests over HTTP, from their headers on; they hold no thread."""

# Each that has a place holds a thread; the others are for those that are refused.
_THREADS: Final = RECEIVING.total + WAITING.total + 64


class Stage(StrEnum):
    """A stage of a call, in which it has a place."""

    RECEIVING = "receiving"
    ANSWERING = "answering"
    HTTP = "http"
    WATCHING = "watching"


class Calls:
    """The threads of calls and what bounds them.

    Attributes:
        threads: where gRPC runs the handlers.
        turns: where answers are computed.
        wrong_keys: the wrong keys that came.
    """

    def __init__(self, receiving: Limits = RECEIVING, waiting: Limits = WAITING) -> None:
        self.turns = Turns()
        self.threads = CallThreads(_THREADS, self.turns.admit)
        self.wrong_keys = WrongKeys()
        self._receiving = Places("being received", receiving)
        self._waiting = Places("waiting for an answer", waiting)
        self._watching = Places("watching", WATCHING)
        self._web = Places("being worked on", WEB)
        self._stages = {
            Stage.RECEIVING: self._receiving,
            Stage.ANSWERING: self._waiting,
            Stage.HTTP: self._web,
            Stage.WATCHING: self._watching,
        }
        self._watch = Receiving()
        # one for each that has a place, begun when it is needed: they wait for other machines
        self._elsewhere = ThreadPoolExecutor(WEB.total, "scoring elsewhere")

    @contextmanager
    def receiving(
        self, service: str, peer: str, timeout_s: float, cut_off: Callable[[], object]
    ) -> Iterator[None]:
        """The place of a call while its message comes; it is cut off after `timeout_s` seconds.

        Raises:
            BusyError: there is none.
        """
        with self._receiving.taken(service, peer), self._watch.watched(service, timeout_s, cut_off):
            yield

    def waiting(self, service: str, peer: str, size: int) -> AbstractContextManager[None]:
        """The place of a call whose message of `size` bytes is there, until it is answered.

        Raises:
            BusyError: there is none.
        """
        return self._waiting.taken(service, peer, size)

    def watching(self, service: str, peer: str) -> AbstractContextManager[None]:
        """The place of a call that watches a service's health.

        Raises:
            BusyError: there is none.
        """
        return self._watching.taken(service, peer)

    def in_progress(self) -> dict[Stage, dict[str, int]]:
        """The calls that have a place now, by service."""
        return {stage: places.by_service() for stage, places in self._stages.items()}

    def places(self) -> dict[Stage, int]:
        """The places that there are."""
        return {stage: places.total for stage, places in self._stages.items()}

    def web(self, service: str, peer: str, size: int) -> AbstractContextManager[None]:
        """The place of a request over HTTP with `size` bytes to come, until it is answered.

        Raises:
            BusyError: there is none.
        """
        return self._web.taken(service, peer, size)

    def begin(self, service: str, work: Callable[[], T], *, takes_core: bool) -> Future[T]:
        """Has the answer to a request over HTTP made on another thread.

        Args:
            takes_core: it waits for its turn on a core; else it waits for other machines.
        """
        if not takes_core:
            return self._elsewhere.submit(work)
        turn = Turn(service, work)
        self.turns.enqueue(turn)
        return turn

    def end(self, answering: Future[T]) -> None:
        """Lets go of a request that `begin` was given; it is not answered where it has not begun."""
        if answering.cancel() and isinstance(answering, Turn):
            self.turns.withdraw(answering)

    def stop(self) -> None:
        """Ends when the calls have."""
        self.threads.shutdown()
        self.turns.stop()
        self._elsewhere.shutdown()
        self._watch.stop()
