"""The sessions of people who have signed in on the page: in memory, so that a restart ends them all.

A cookie holds 32 random bytes; of these the server keeps the SHA-256 alone.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

IDLE_S: Final = 30 * 60
"""How long a session lasts behind its last request."""
LIFE_S: Final = 8 * 60 * 60
"""How long a session lasts at most."""
MOST: Final = 16
"""Most sessions of one client: the next one ends the oldest."""


@dataclass
class Session:
    """A session. Times are seconds since the epoch.

    Attributes:
        client_id: of who has signed in.
        stamp: of what it was signed in by, as `ClientSecrets.stamp` gives it.
        ends: when it ends at the latest.
        used: when its last request came.
        form_token: what each form of its pages brings along; another site does not know it.
    """

    client_id: str
    stamp: str = field(repr=False)
    ends: float
    used: float
    form_token: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))


class Sessions:
    """The sessions that there are. Its methods may be called from any thread.

    Args:
        clock: gives the time, in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Session] = OrderedDict()

    def begin(self, client_id: str, stamp: str, until: float) -> str:
        """Begins a session.

        Args:
            until: when it ends at the latest, in seconds since the epoch.

        Returns:
            The cookie that opens it.
        """
        now = self._clock()
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            for key in [key for key, one in self._known.items() if _is_over(one, now)]:
                del self._known[key]
            own = [key for key, one in self._known.items() if one.client_id == client_id]
            for key in own[: max(0, len(own) - MOST + 1)]:
                del self._known[key]
            self._known[_digest(cookie)] = Session(client_id, stamp, min(now + LIFE_S, until), now)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session that a cookie opens; None: none. To look is to use it."""
        now = self._clock()
        with self._lock:
            session = self._known.get(_digest(cookie))
            if session is None:
                return None
            if _is_over(session, now):
                del self._known[_digest(cookie)]
                return None
            session.used = now
            return session

    def end(self, cookie: str) -> None:
        """Ends a session; of one that there is not, nothing."""
        with self._lock:
            self._known.pop(_digest(cookie), None)


def _is_over(session: Session, now: float) -> bool:
    # a clock that was set back makes no session longer than it would be
    return now >= session.ends or not session.used - LIFE_S <= now < session.used + IDLE_S


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
