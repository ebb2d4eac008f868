"""Counts of the requests to the HTTPS APIs: by API, method and status, each of few values."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from starlette.requests import Request

_APIS: Final = {
    "api": "model-management",
    "health": "health",
    "metadata": "sign-in",
    "openapi.json": "openapi",
    "portal": "portal",
    "subscriptions": "resource-manager",
    "tenants": "resource-manager",
}
"""The APIs by the first segment of their paths."""
_SIGN_IN: Final = ("oauth2", "v2.0", ".well-known", "discovery")
"""Second segments, behind the tenant's."""
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
OTHER: Final = "other"
"""Of a path or a method that no API has: whoever asks may make up any."""


class RequestCounts:
    """Counters of requests. Their methods may be called from any thread.

    Args:
        then: told of each request, too.
    """

    def __init__(self, then: Callable[[Request, int], None]) -> None:
        self._then = then
        self._lock = threading.Lock()
        self._counted: Counter[tuple[str, str, int]] = Counter()

    def record(self, request: Request, status: int) -> None:
        """Counts a request that was answered with a status."""
        method = request.method if request.method in _METHODS else OTHER
        with self._lock:
            self._counted[api_of(request.scope["path"]), method, status] += 1
        self._then(request, status)

    def now(self) -> dict[tuple[str, str, int], int]:
        """The counts as they are, by API, method and status."""
        with self._lock:
            return dict(self._counted)


def api_of(path: str) -> str:
    """The API of a path, as a label has it."""
    segments = path.lower().split("/")[1:3]
    if segments[1:] and segments[1] in _SIGN_IN:
        return "sign-in"
    return _APIS.get(segments[0], OTHER)
