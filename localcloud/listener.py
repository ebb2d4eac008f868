"""The HTTPS listener: uvicorn on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from socket import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from localcloud import ports
from localcloud.authority import Authority
from localcloud.errors import StartError
from surroundings.tls import server_context

_STOP_GRACE_S = 3
_START_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 30.0
"""How long a client may take to begin a request, and again from its first byte to its last."""


class _Protocol(H11Protocol):
    """uvicorn's protocol, which hangs up on whoever does not send a whole request in time.

    Without that, connections that send nothing, or a request byte by byte, stay for ever, with or without a
    token, until there are no descriptors left. Between two requests uvicorn's own keep-alive time counts.
    """

    _timer: asyncio.TimerHandle | None = None
    _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._restart()

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._restart()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._begun = False
        self._cancel()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def _restart(self) -> None:
        self._cancel()
        self._timer = self.loop.call_later(REQUEST_TIMEOUT_S, self._hang_up_if_incomplete)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _hang_up_if_incomplete(self) -> None:
        is_whole = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
        if not is_whole:  # else its handler is at work
            self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens, and ends when the last request is answered."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:  # noqa: ARG002
        for server in self.servers:
            server.close()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_STOP_GRACE_S)
        # Idle clients do not answer a TLS farewell, and uvicorn's own shutdown waits for that.
        for connection in self.server_state.connections:
            connection.transport.abort()


@contextlib.contextmanager
def served(app: ASGIApp, host: str, port: int, authority: Authority) -> Iterator[None]:
    """Serves an application inside the block; at its end, running requests get a few seconds.

    Raises:
        StartError: the port cannot be bound, or the listener did not come up.
    """
    try:
        bound = ports.listener(host, port)
    except OSError as error:
        raise ports.refused(error, host, port, "https") from None
    config = uvicorn.Config(
        app,
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        ssl_context_factory=lambda *_: server_context(authority.certificate, authority.key),
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([bound],), name="https", daemon=True)
    thread.start()
    try:
        if not server.listening.wait(_START_TIMEOUT_S):
            raise StartError(f"The HTTPS listener on {host}:{port} did not come up; see the log.")
        yield
    finally:
        server.should_exit = True
        thread.join()
        bound.close()
