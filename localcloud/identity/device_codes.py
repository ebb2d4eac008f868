"""Device codes (RFC 8628): sign-ins that a program begins, and somebody with a secret allows on a page.

They are in memory alone, for a quarter of an hour: after a restart a program begins anew.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Final

from localcloud.identity.refusals import SignInError

LIFE_S: Final = 900
INTERVAL_S: Final = 5
MOST: Final = 10_000
"""So many wait at once; of more, the oldest is forgotten."""
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words (RFC 8628 section 6.1)
_USER_CODE: Final = 9


@dataclass
class Pending:
    """A sign-in that waits to be allowed.

    Attributes:
        user_code: what is typed on the page.
        device_code: what the program asks with.
        program: the client ID that it gave, of a program and of no principal.
        audience: of the token that it is to get.
        until: when it ends, monotonic.
        client_id: of the principal that allowed it; empty: nobody has.
        generation: of that principal's tokens.
        secret_until: when the secret that it was allowed by ends, seconds since the epoch.
    """

    user_code: str
    device_code: str
    program: str
    audience: str
    until: float
    client_id: str = ""
    generation: int = 0
    secret_until: float = math.inf


class DeviceCodes:
    """The sign-ins that wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, Pending] = {}  # by device code, the oldest first

    def begin(self, program: str, audience: str) -> Pending:
        """A new one."""
        user_code = "".join(secrets.choice(_LETTERS) for _ in range(_USER_CODE))
        made = Pending(user_code, secrets.token_urlsafe(32), program, audience, time.monotonic() + LIFE_S)
        with self._lock:
            self._forget()
            while len(self._pending) >= MOST:
                del self._pending[next(iter(self._pending))]
            self._pending[made.device_code] = made
        return made

    def allow(self, user_code: str, client_id: str, generation: int, secret_until: float) -> bool:
        """Allows the one of a user code, in any case and with any dashes; False: there is none that waits."""
        asked = "".join(letter for letter in user_code.upper() if letter.isalnum())
        with self._lock:
            self._forget()
            for one in self._pending.values():
                if secrets.compare_digest(one.user_code, asked) and not one.client_id:
                    one.client_id, one.generation, one.secret_until = client_id, generation, secret_until
                    return True
        return False

    def redeem(self, device_code: str, program: str) -> Pending:
        """The one that was allowed, once.

        Raises:
            SignInError: 400 authorization_pending, as long as nobody has; 400 expired_token, when it is over
                or has been redeemed.
        """
        with self._lock:
            self._forget()
            found = self._pending.get(device_code)
            if found is None or found.program != program:
                raise SignInError(
                    400,
                    "expired_token",
                    70020,
                    "The provided device code is unknown, has expired or was used: begin the sign-in anew.",
                )
            if not found.client_id:
                raise SignInError(
                    400,
                    "authorization_pending",
                    70016,
                    "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
                )
            return self._pending.pop(device_code)

    def _forget(self) -> None:
        now = time.monotonic()
        for code in [code for code, one in self._pending.items() if one.until <= now]:
            del self._pending[code]
