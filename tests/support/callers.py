"""Callers who call all the time, over connections that stay and over new ones, and what became of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clients.prediction.client import PredictionClient, PredictionError
from tests.support.waiting import PATIENCE_S


@dataclass(frozen=True)
class Access:
    """How a service is called: with a key over TLS, or without both."""

    key: str | None = field(repr=False)
    ssl: bool = True


@dataclass(frozen=True)
class Call:
    """One call: which caller made it, how, from when to when (monotonic seconds), and why it failed."""

    caller: int
    access: Access
    is_connected: bool  # when it began
    began_s: float
    ended_s: float
    error: str | None


class Callers:
    """So many callers; every second call of each goes over a new connection.

    Args:
        number: how many.
        connect: makes a client.
        access: what all begin with.
        image: what they have scored.
    """

    def __init__(
        self, number: int, connect: Callable[[Access], PredictionClient], access: Access, image: bytes
    ) -> None:
        self._connect = connect
        self._image = image
        self._access = access
        self._made = threading.Condition()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in range(number)]
        self._withdrawn: list[tuple[Access, float, float]] = []
        self.calls: list[Call] = []

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        self.let_each_call()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def move(self, access: Access) -> None:
        """Has all of them call in another way; returns when each has done so, twice."""
        self._access = access
        self.let_each_call()

    def let_each_call(self) -> None:
        """Returns when each has made two more calls with what it has now: over either kind of connection.

        Raises:
            AssertionError: one of them does not come back.
        """
        since_s, access = time.monotonic(), self._access

        def each_has() -> bool:
            done = [one.caller for one in self.calls if one.began_s >= since_s and one.access == access]
            return all(done.count(number) >= 2 for number in range(len(self._threads)))

        with self._made:
            assert self._made.wait_for(each_has, PATIENCE_S), f"a caller did not call in {PATIENCE_S} s"

    def failures(self) -> list[Call]:
        return [call for call in self.calls if call.error is not None]

    @contextmanager
    def withdrawn(self, access: Access) -> Iterator[None]:
        """Inside the block calls with this access may fail, if they connect or begin there.

        A call that was under way over a connection when the block began may not.
        """
        began_s = time.monotonic()
        yield
        self._withdrawn.append((access, began_s, time.monotonic()))

    def unexpected(self) -> list[Call]:
        """The failures, but for calls with what was withdrawn."""
        return [
            call
            for call in self.failures()
            if not any(
                call.access == access
                and began_s <= (call.began_s if call.is_connected else call.ended_s)
                and call.began_s <= ended_s
                for access, began_s, ended_s in self._withdrawn
            )
        ]

    def _run(self, number: int) -> None:
        lasting: tuple[Access, PredictionClient] | None = None
        new = stands = False
        while not self._ended.is_set():
            access = self._access
            if lasting is None or lasting[0] != access:
                if lasting is not None:
                    lasting[1].close()
                lasting, stands = (access, self._connect(access)), False
            if new:
                with self._connect(access) as client:
                    self._call(number, access, client, is_connected=False)
            else:
                stands = self._call(number, access, lasting[1], is_connected=stands)
            new = not new
        if lasting is not None:
            lasting[1].close()

    def _call(self, number: int, access: Access, client: PredictionClient, *, is_connected: bool) -> bool:
        """Whether it was answered: its connection stands, for the next one."""
        began_s, error = time.monotonic(), None
        try:
            if not client.score_image(self._image).size:
                error = "an empty answer"
        except PredictionError as failure:
            error = f"{type(failure).__name__}: {failure}"
        call = Call(number, access, is_connected, began_s, time.monotonic(), error)
        with self._made:
            self.calls.append(call)
            self._made.notify_all()
        return error is None
