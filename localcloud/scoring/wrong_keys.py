"""Wrong keys: counted, told in the log without the key, and refused slowly."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

SLOWED_S: Final = 0.25
"""How long a wrong key waits for its refusal."""

_SLOWED_LIMIT: Final = 32
"""Most refusals that wait at a time, each on a thread; what comes beyond them is refused at once."""

_LINE_EVERY_S: Final = 1.0
_NAMED: Final = 5
_log = logging.getLogger(__name__)


class WrongKeys:
    """The wrong keys that came, told by service and peer in at most one line a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slowed = threading.BoundedSemaphore(_SLOWED_LIMIT)
        self._untold: Counter[tuple[str, str]] = Counter()
        self._quiet: threading.Timer | None = None

    def count(self, service: str, peer: str) -> None:
        """Counts one; the log has it at once, or with others a second later."""
        with self._lock:
            self._untold[service, peer] += 1
            if self._quiet is None:
                self._tell()

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
