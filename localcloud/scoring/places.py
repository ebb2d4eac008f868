"""The places of calls: how many may be in the same state at a time, and how many bytes they may hold."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from localcloud.scoring.errors import BusyError

BOUNDED: Final = ""
"""The peer of calls which another localcloud has bounded by their own peers before it handed them on."""


@dataclass(frozen=True)
class Limits:
    """The limits of places.

    Attributes:
        total: of all services together.
        service: of one service.
        peer: of one peer at one service; below `service`, so that another peer finds a place.
        kept: a service that has fewer than these finds one while `total` allows it; others only while as
            many as a quarter of `total` stay free.
        total_bytes, service_bytes: of what the calls hold; a call that is alone at its service may hold any
            size.
    """

    total: int
    service: int
    peer: int
    kept: int
    total_bytes: int
    service_bytes: int


class Places:
    """Places that calls take and give back. Its methods may be called from any thread.

    Args:
        state: the calls' state in words, such as `being received`.
    """

    def __init__(self, state: str, limits: Limits) -> None:
        self._state, self._limits = state, limits
        self._lock = threading.Lock()
        self._services: Counter[str] = Counter()
        self._peers: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[str] = Counter()
        self._total = self._total_bytes = 0

    @contextmanager
    def taken(self, service: str, peer: str, size: int = 0) -> Iterator[None]:
        """Holds a place for as long as the context lasts.

        Args:
            size: bytes that the call holds meanwhile.

        Raises:
            BusyError: there is none.
        """
        with self._lock:
            busy = self._busy(service, peer, size)
            if busy:
                raise BusyError(f"{busy}; call again later.")
            self._count(service, peer, size, 1)
        try:
            yield
        finally:
            with self._lock:
                self._count(service, peer, size, -1)

    @property
    def total(self) -> int:
        """The places of all services together."""
        return self._limits.total

    def by_service(self) -> dict[str, int]:
        """The places that are taken now, by service."""
        with self._lock:
            return dict(self._services)

    def _busy(self, service: str, peer: str, size: int) -> str | None:
        """The reason why there is no place, in words; None: there is one."""
        limits, here = self._limits, self._services[service]
        if here >= limits.service:
            return f"{here} calls of this service are {self._state}, and more are not taken"
        if (own := self._peers[service, peer]) >= limits.peer and peer != BOUNDED:
            return f"{own} calls of yours are {self._state} at this service, and more are not taken"
        everywhere = limits.total if here < limits.kept else limits.total * 3 // 4
        if self._total >= everywhere:
            return f"{self._total} calls of all services are {self._state}, and more are not taken"
        if here and self._bytes[service] + size > limits.service_bytes:
            return f"{self._bytes[service]} bytes of calls of this service are {self._state}"
        if here and self._total_bytes + size > limits.total_bytes:
            return f"{self._total_bytes} bytes of calls of all services are {self._state}"
        return None

    def _count(self, service: str, peer: str, size: int, number: int) -> None:
        self._total += number
        self._total_bytes += number * size
        here = self._services.get(service, 0) + number
        if here:
            self._services[service] = here
            self._bytes[service] = self._bytes.get(service, 0) + number * size
        else:
            self._services.pop(service)
            self._bytes.pop(service)
        own = self._peers.get((service, peer), 0) + number
        if own:
            self._peers[service, peer] = own
        else:
            self._peers.pop((service, peer))
