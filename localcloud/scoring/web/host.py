"""The HTTP listeners of all services, on one event loop, whose thread begins with the first of them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar, cast

from uvicorn.server import ServerState

from localcloud import ports
from localcloud.http.connections import BoundedListener
from localcloud.http.listener import (
    REQUEST_TIMEOUT_S,
    BoundedProtocol,
    configuration,
    drained,
    with_farewell,
)
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import Counts
from localcloud.scoring.served import ServedModel
from localcloud.scoring.tls import TlsMaterial
from localcloud.scoring.web.app import App
from surroundings.tls import ServerContexts

MOST_CONNECTIONS: Final = 128
"""Most connections of a service."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class WebListener:
    """A service's listener.

    Args:
        contexts: of its certificates; None: it goes without TLS.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, contexts: ServerContexts | None) -> None:
        self._loop, self._contexts = loop, contexts
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._listener: BoundedListener | None = None
        self._is_draining = False

    async def open(self, app: App, bound: BoundedListener) -> None:
        """Listens from now on."""
        self._listener = bound
        config = configuration(with_farewell(app, lambda: self._is_draining), bound)
        config.load()
        protocol = cast("type[BoundedProtocol]", config.http_protocol_class)
        self._server = await self._loop.create_server(
            lambda: protocol(config=config, server_state=self._state, app_state={}),
            sock=bound,
            ssl=self._contexts.listening if self._contexts else None,
            ssl_handshake_timeout=REQUEST_TIMEOUT_S if self._contexts else None,
        )

    def show(self, tls: TlsMaterial) -> None:
        """Shows another certificate to the connections from now on."""
        if self._contexts is not None:
            self._contexts.show(tls.certificate_pem, tls.key_pem)

    def begin_stop(self, grace_s: float) -> Future[None]:
        """Takes no connection from now on; done when all under way are answered, or after `grace_s`.

        Who is connected may have sent a request just now: it is answered, with `Connection: close`.
        """
        ends_at = time.monotonic() + grace_s
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result()
        return asyncio.run_coroutine_threadsafe(self._drain(ends_at), self._loop)

    async def _refuse(self) -> None:
        if self._server is not None and self._listener is not None:
            self._is_draining = True
            await self._listener.refuse()
            self._server.close()

    async def _drain(self, ends_at: float) -> None:
        if self._listener is not None:
            await drained(self._state, self._listener, ends_at)
            await self._listener.cut()


class WebHost:
    """The host of the listeners. Its methods may be called from any thread."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def listen(
        self,
        service: str,
        endpoint: Endpoint,
        tls: TlsMaterial | None,
        current: Callable[[], ServedModel],
        counts: Counts,
    ) -> WebListener | None:
        """A listener of a service; None: its port cannot be had, which is logged.

        A service is there without it: its gRPC is what callers were promised.
        """
        try:
            contexts = ServerContexts(tls.certificate_pem, tls.key_pem) if tls is not None else None
            bound = ports.listener(*endpoint)
        except OSError as error:
            where = f"{endpoint.address}:{endpoint.port}"
            _log.warning("service %s does not answer HTTP at %s: %s", service, where, error)
            return None
        most = MOST_CONNECTIONS
        listener = BoundedListener(bound, most, most // 2, REQUEST_TIMEOUT_S)
        loop = self._running()
        opened = WebListener(loop, contexts)
        self._run(opened.open(App(service, current, self._calls, counts), listener), loop)
        return opened

    def stop(self) -> None:
        """Ends the thread; the listeners have ended before."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="scoring over HTTP", daemon=True
                )
                self._thread.start()
            return self._loop

    @staticmethod
    def _run(work: Coroutine[Any, Any, _T], loop: asyncio.AbstractEventLoop) -> _T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
