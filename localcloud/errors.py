"""Refusals and failures of localcloud, as data. `localcloud.http.frame` turns them into words on the wire.

LocalcloudError
├── CloudError      an answer to a caller: HTTP status, Azure's code, a message
└── StartError      the server cannot start; the message names the setting and the remedy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

LONGEST: Final = 4000
"""Most characters of a message: what it quotes can be as long as a request."""


class LocalcloudError(Exception):
    """The root of all errors that this room raises on purpose.

    Args:
        message: cut where it is too long; what of it is no character, as a quoted half of a surrogate pair is
            none, is a question mark.
    """

    def __init__(self, message: str) -> None:
        text = message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
        super().__init__(text.encode(errors="replace").decode())


class CloudError(LocalcloudError):
    """A refusal that a caller of an API sees as `{"error": {"code", "message"}}`.

    Args:
        status: HTTP status. Never 408, 429 or 5xx for a definite refusal: clients repeat those.
        code: Azure's error code, e.g. `ResourceGroupNotFound`.
        message: one or more sentences for a person; never a secret.
        headers: further response headers, e.g. `WWW-Authenticate`.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = str(self)
        self.headers = dict(headers or {})


class StartError(LocalcloudError):
    """A failure to start: the server cannot, with these settings or on this machine."""

    @classmethod
    def of_settings(cls, problems: Sequence[str]) -> StartError:
        """The refusal of settings: one sentence, or all of them, a line each."""
        if len(problems) == 1:
            return cls(problems[0])
        return cls("\n- ".join((f"{len(problems)} settings cannot be used:", *problems)))
