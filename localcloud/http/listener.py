"""The HTTPS listener: uvicorn on a thread of its own."""

from __future__ import annotations

import asyncio.sslproto
import contextlib
import threading
from collections.abc import Callable, Iterator
from socket import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from localcloud import descriptors, ports
from localcloud.certificate.pair import Pair
from localcloud.errors import StartError
from localcloud.http.connections import BoundedListener
from surroundings.tls import ServerContexts

_STOP_GRACE_S = 3
_START_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 30.0
"""How long a client may take for TLS, to begin a request, and again from its first byte to its last."""
IDLE_TIMEOUT_S = 30
"""How long a connection is kept between two requests."""


# asyncio gives each connection a buffer of 256 KiB before the first byte of TLS has come, and most of a
# silent connection's cost is that. A record has 16 KiB at most.
asyncio.sslproto.SSLProtocol.max_size = 32 * 1024


class _Protocol(H11Protocol):
    """uvicorn's protocol, which hangs up on whoever does not send a whole request in time.

    Without that, connections that send nothing, or a request byte by byte, stay for ever, with or without a
    token, until there are no descriptors left. Between two requests uvicorn's own keep-alive time counts.
    """

    listener: BoundedListener
    """Where the connections come in, which learns which of them are silent; `served` sets it."""

    _timer: asyncio.TimerHandle | None = None
    _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.listener.opened(self._peer)
        self._restart()

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._restart()
        super().data_received(data)
        self.listener.at_work(self._peer, is_at_work=self._is_at_work())

    def on_response_complete(self) -> None:
        self._begun = False
        self._cancel()
        super().on_response_complete()
        self.listener.at_work(self._peer, is_at_work=self._is_at_work())

    def timeout_keep_alive_handler(self) -> None:
        # Without a farewell, for whose answer another half a minute would be waited.
        self.transport.abort()

    @property
    def _peer(self) -> object:
        return self.transport.get_extra_info("peername")

    def _is_at_work(self) -> bool:
        """Whether a whole request has come that is not answered yet."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

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
        if not self._is_at_work():
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
def served(app: ASGIApp, host: str, port: int, pair: Pair) -> Iterator[Callable[[Pair], None]]:
    """Serves an application inside the block; at its end, running requests get a few seconds.

    What it yields shows another chain, with its key, to the connections from then on.

    Raises:
        StartError: the port cannot be bound, or the listener did not come up.
    """
    try:
        bound = ports.listener(host, port)
    except OSError as error:
        raise ports.refused(error, host, port, "https") from None
    most = descriptors.connections()
    contexts = ServerContexts(pair.chain, pair.key)
    listener = BoundedListener(bound, most, most * 3 // 4, REQUEST_TIMEOUT_S)
    config = uvicorn.Config(
        app,
        http=type("_ListenersProtocol", (_Protocol,), {"listener": listener}),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_TIMEOUT_S,
        ssl_context_factory=lambda *_: contexts.listening,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="https", daemon=True)
    thread.start()
    try:
        if not server.listening.wait(_START_TIMEOUT_S):
            raise StartError(f"The HTTPS listener on {host}:{port} did not come up; see the log.")
        yield lambda newer: contexts.show(newer.chain, newer.key)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
