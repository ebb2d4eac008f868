"""Wrong keys: counted, told in the log without the key, refused slowly, and bounded as a whole."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

SLOWED_S: Final = 0.25
"""How long a wrong key waits for its refusal."""

AT_ONCE: Final = 4
"""Most wrong keys that are looked at at once over one connection."""

A_SECOND: Final = 128.0
"""Most wrong keys that are looked at in a second at one service, beyond those of new connections."""

_SLOWED_LIMIT: Final = 32
"""Most refusals that wait at a time, each on a thread; what comes beyond them is refused at once."""

_RIGHT_FOR_S: Final = 60.0
"""So long after a right key every key of its connection is looked at."""

_KNOWN_LIMIT: Final = 4096
"""Most connections of a service that are remembered, of each kind: then the oldest is forgotten."""

_LINE_EVERY_S: Final = 1.0
_NAMED: Final = 5
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass
class _Allowance:
    """The wrong keys that a connection may still send, at a time."""

    keys: float
    at: float


class _Connections:
    """The connections of a service over which keys came: wrong ones, and right ones."""

    def __init__(self) -> None:
        self.guessing: OrderedDict[str, _Allowance] = OrderedDict()
        self.right: OrderedDict[str, float] = OrderedDict()

    def looks_at(self, connection: str, now: float) -> bool:
        """Whether a key that comes over this connection is compared."""
        if connection not in self.guessing or now - self.right.get(connection, -math.inf) < _RIGHT_FOR_S:
            return True
        return self.allowance(connection, now).keys >= 1

    def allowance(self, connection: str, now: float) -> _Allowance:
        """The allowance as it is now; those that guess share what a service looks at."""
        found = self.guessing.get(connection, _Allowance(AT_ONCE, now))
        share = min(1 / SLOWED_S, A_SECOND / max(1, len(self.guessing)))
        found.keys = min(AT_ONCE, found.keys + (now - found.at) * share)
        found.at = now
        return found


class WrongKeys:
    """The wrong keys that came, told by service and peer in at most one line a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: dict[str, _Connections] = {}
        self._slowed = threading.BoundedSemaphore(_SLOWED_LIMIT)
        self._untold: Counter[tuple[str, str]] = Counter()
        self._quiet: threading.Timer | None = None

    def judge(self, service: str, connection: str, peer: str, fits: Callable[[], bool]) -> bool | None:
        """Whether the key of a call fits; a wrong one is counted, and told in the log.

        None: it was not looked at, behind too many wrong ones of its connection. A new connection's is, and
        that of one over which a right key came lately: who has the key is never shut out.

        Args:
            connection: the peer with its port.
            peer: its address, as the log has it.
            fits: compares the key.
        """
        with self._lock:
            known = self._connections.setdefault(service, _Connections())
            now = time.monotonic()
            if not known.looks_at(connection, now):
                return None
            if fits():
                known.guessing.pop(connection, None)
                _remember(known.right, connection, now)
                return True
            allowance = known.allowance(connection, now)
            allowance.keys -= 1
            _remember(known.guessing, connection, allowance)
            self._untold[service, peer] += 1
            if self._quiet is None:
                self._tell()
            return False

    def forget(self, service: str) -> None:
        """Forgets the connections of a service that has ended."""
        with self._lock:
            self._connections.pop(service, None)

    def slow(self, on_end: Callable[[Callable[[], None]], bool]) -> None:
        """Waits `SLOWED_S`, or until the call has ended.

        Args:
            on_end: takes what is to be called at the call's end; False: it has ended.
        """
        if self._slowed.acquire(blocking=False):
            try:
                ended = threading.Event()
                if on_end(ended.set):
                    ended.wait(SLOWED_S)
            finally:
                self._slowed.release()

    def _tell(self) -> None:
        counted, self._untold = self._untold.most_common(), Counter()
        named = "; ".join(
            f"service {service}, peer {peer}: {number}" for (service, peer), number in counted[:_NAMED]
        )
        others = f"; {len(counted) - _NAMED} more peers" if len(counted) > _NAMED else ""
        _log.warning("Calls with a wrong key: %s%s", named, others)
        self._quiet = threading.Timer(_LINE_EVERY_S, self._tell_rest)
        self._quiet.daemon = True
        self._quiet.start()

    def _tell_rest(self) -> None:
        with self._lock:
            self._quiet = None
            if self._untold:
                self._tell()


def _remember(known: OrderedDict[str, _T], connection: str, value: _T) -> None:
    known[connection] = value
    known.move_to_end(connection)
    if len(known) > _KNOWN_LIMIT:
        known.popitem(last=False)
