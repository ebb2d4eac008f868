"""The page that Prometheus reads: `GET /metrics`, made at most so often that it costs a tenth of a core."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from localcloud.errors import CloudError
from localcloud.http.frame import error_response
from localcloud.metrics.collector import LocalcloudCollector
from localcloud.metrics.sources import Sources

if TYPE_CHECKING:
    from localcloud.access.guard import Guard

PATH: Final = "/metrics"
SHARE: Final = 0.1
"""The part of the time that pages may take to make, however many ask for them."""
_OPENMETRICS: Final = "application/openmetrics-text"

log = logging.getLogger(__name__)


class Page:
    """The application.

    Args:
        sources: of all that it tells.
        guard: knows who may read it; None: whoever reaches it.
        hosts: names and addresses by which it may be asked for; empty: any. A web page that a browser of this
            machine shows may have a name of its own lead here, and read what nobody else can.
    """

    def __init__(self, sources: Sources, guard: Guard | None, hosts: tuple[str, ...] = ()) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(LocalcloudCollector(sources))
        ProcessCollector(registry=self._registry)
        self._guard = guard
        # one thread: who asks while a page is made waits for that one
        self._thread = ThreadPoolExecutor(1, "metrics")
        self._kept: dict[bool, tuple[bytes, float]] = {}
        trusted = [Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)]
        self.app: ASGIApp = Starlette(routes=[Route(PATH, self._answer)], middleware=trusted if hosts else [])

    def close(self) -> None:
        """Ends its thread."""
        self._thread.shutdown()

    async def _answer(self, request: Request) -> Response:
        work: Callable[[], Response] = lambda: self._made(request)  # noqa: E731 - it has a type
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _made(self, request: Request) -> Response:
        try:
            self._admit(request)
        except CloudError as refusal:
            peer = request.client.host if request.client else "?"
            log.info("%s %s %d to %s: %s", request.method, PATH, refusal.status, peer, refusal.code)
            return error_response(refusal)
        if _OPENMETRICS in request.headers.get("accept", ""):
            return Response(self._text(is_open=True), media_type=openmetrics.CONTENT_TYPE_LATEST)
        return Response(self._text(is_open=False), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _admit(self, request: Request) -> None:
        """Lets a request pass; with a guard, of who may read all that runs here.

        Raises:
            CloudError: 401 or 403.
        """
        if self._guard is None:
            return
        principal = self._guard.authenticate(request.headers.get("authorization"))
        if not self._guard.is_told_all(principal):
            raise CloudError(
                403,
                "AuthorizationFailed",
                f"The client '{principal.client_id}' may not read metrics: that takes the role Reader of the "
                "whole subscription.",
            )

    def _text(self, *, is_open: bool) -> bytes:
        """The page, made anew where the last one has served its time."""
        text, fresh_until = self._kept.get(is_open, (b"", 0.0))
        began = time.monotonic()
        if began < fresh_until:
            return text
        made = openmetrics.generate_latest if is_open else generate_latest
        text = made(self._registry)
        took_s = time.monotonic() - began
        self._kept[is_open] = (text, time.monotonic() + took_s * (1 / SHARE - 1))
        return text
