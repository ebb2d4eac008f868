"""The HTTPS listener: uvicorn on a thread of its own."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotInTime
from socket import socket
from typing import cast

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from localcloud import descriptors, ports
from localcloud.certificate.pair import Pair
from localcloud.errors import StartError
from localcloud.http.connections import BoundedListener
from surroundings.tls import ServerContexts

DRAIN_TIMEOUT_S = 10.0
"""How long requests under way may go on once the listener takes no more."""
_QUIET_S = 0.25
"""A connection that has been silent so long while the listener drains has no request on its way."""
_HANDSHAKE_S = 2.0
"""How long who has connected before may take for TLS then."""
_LOOK_INTERVAL_S = 0.02
_START_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 30.0
"""How long a client may take for TLS, to begin a request, and again from its first byte to its last."""
IDLE_TIMEOUT_S = 30
"""How long a connection is kept between two requests."""


# asyncio gives each connection a buffer of 256 KiB before the first byte of TLS has come, and most of a
# silent connection's cost is that. A record has 16 KiB at most.
asyncio.sslproto.SSLProtocol.max_size = 32 * 1024


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, which hangs up on whoever does not send a whole request in time.

    Without that, connections that send nothing, or a request byte by byte, stay for ever, with or without a
    token, until there are no descriptors left. Between two requests uvicorn's own keep-alive time counts.
    """

    listener: BoundedListener
    """Where the connections come in, which learns which of them are silent; `served` sets it."""

    _timer: asyncio.TimerHandle | None = None
    _begun = False
    _silent_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._silent_since = time.monotonic()
        self.listener.opened(self._peer)
        self._restart()

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._restart()
        super().data_received(data)
        self.listener.at_work(self._peer, is_at_work=self._is_at_work())

    def on_response_complete(self) -> None:
        self._begun, self._silent_since = False, time.monotonic()
        if not self.flow.write_paused:  # what is not read yet has its time, also where it is the last answer
            self._cancel()
        super().on_response_complete()
        self.listener.at_work(self._peer, is_at_work=self._is_at_work())

    def pause_writing(self) -> None:
        """Called where the client does not read what it asked for: it has a request's time to go on."""
        super().pause_writing()
        self._restart()
        self.listener.at_work(self._peer, is_at_work=False)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._begun:
            self._restart()
        else:
            self._cancel()
        self.listener.at_work(self._peer, is_at_work=self._is_at_work())

    def timeout_keep_alive_handler(self) -> None:
        # Without a farewell, for whose answer another half a minute would be waited.
        self.transport.abort()

    @property
    def _peer(self) -> object:
        return self.transport.get_extra_info("peername")

    def is_busy(self) -> bool:
        """Whether a request is on its way, or was a moment ago, so that the next one may be."""
        return self._begun or self._is_at_work() or time.monotonic() - self._silent_since < _QUIET_S

    def _is_at_work(self) -> bool:
        """Whether a whole request has come that is not answered yet, and the client reads."""
        return (
            self.cycle is not None
            and not self.cycle.more_body
            and not self.cycle.response_complete
            and not self.flow.write_paused
        )

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
    """uvicorn's server, which says when it listens, and ends when the last request is answered.

    Args:
        listener: where the connections come in.
    """

    def __init__(self, config: uvicorn.Config, listener: BoundedListener) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.drain_timeout_s = DRAIN_TIMEOUT_S
        self.is_draining = False
        self._listener = listener
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.listening.set()

    def answers(self, timeout_s: float) -> bool:
        """Whether the thread of the connections has a turn for somebody within so many seconds."""
        if self._loop is None:
            return False
        turn = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop)
        try:
            turn.result(timeout_s)
        except NotInTime:
            turn.cancel()
            return False
        return True

    async def shutdown(self, sockets: list[socket] | None = None) -> None:  # noqa: ARG002
        """Takes no connection any more, and has those that there are end behind their requests.

        Who is connected may have sent a request just now: it is read and answered, with `Connection: close`.
        """
        ends_at = time.monotonic() + self.drain_timeout_s
        self.is_draining = True
        await asyncio.sleep(0)  # who is connected by now is taken; the others find a closed port, and repeat
        for server in self.servers:
            server.close()
        await drained(self.server_state, self._listener, ends_at)


async def drained(state: ServerState, listener: BoundedListener, ends_at: float) -> None:
    """Waits until no connection has a request under way, or for that time, and ends those that are left."""

    def is_busy() -> bool:
        return listener.is_opening(_HANDSHAKE_S) or any(
            isinstance(one, BoundedProtocol) and one.is_busy() for one in state.connections
        )

    while time.monotonic() < ends_at and is_busy():
        await asyncio.sleep(_LOOK_INTERVAL_S)
    # Idle clients do not answer a TLS farewell, and uvicorn's own shutdown waits for that.
    for connection in list(state.connections):
        cast("H11Protocol", connection).transport.abort()


class Serving:
    """A listener that serves: to show another certificate, and to be asked whether it still turns."""

    def __init__(self, server: _Server, contexts: ServerContexts | None) -> None:
        self._server, self._contexts = server, contexts

    def renew(self, pair: Pair) -> None:
        """Shows another chain, with its key, to the connections from now on."""
        if self._contexts is not None:
            self._contexts.show(pair.chain, pair.key)

    def answers(self, timeout_s: float) -> bool:
        """Whether somebody who connects now would have a turn within so many seconds."""
        return self._server.answers(timeout_s)


def with_farewell(app: ASGIApp, is_draining: Callable[[], bool]) -> ASGIApp:
    """An application whose answers close their connections while the server drains (RFC 9112 section 9.6)."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and is_draining():
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        await app(scope, receive, sent)

    return wrapped


def configuration(
    app: ASGIApp, listener: BoundedListener, contexts: ServerContexts | None = None
) -> uvicorn.Config:
    """uvicorn's configuration for an application behind a listener; without contexts, without TLS."""
    return uvicorn.Config(
        app,
        http=type("_ListenersProtocol", (BoundedProtocol,), {"listener": listener}),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_TIMEOUT_S,
        ssl_context_factory=(lambda *_: contexts.listening) if contexts else None,
    )


def bind(host: str, port: int, name: str = "https") -> socket:
    """A listening socket: who connects waits until it is served, and not before a closed port.

    Raises:
        StartError: the port cannot be bound.
    """
    try:
        return ports.listener(host, port)
    except OSError as error:
        raise ports.refused(error, host, port, name) from None


@contextlib.contextmanager
def served(
    app: ASGIApp,
    host: str,
    port: int,
    pair: Pair | None,
    drain_timeout_s: Callable[[], float] = lambda: DRAIN_TIMEOUT_S,
    *,
    name: str = "https",
    most: int | None = None,
    bound: socket | None = None,
) -> Iterator[Serving]:
    """Serves an application inside the block; at its end, running requests go on to their end.

    Args:
        pair: the chain and its key; None: it serves without TLS.
        name: of the port, as its setting has it.
        most: how many connections there may be; None: as many as descriptors allow.
        bound: what `bind` gave for that port; None: it is bound here.
        drain_timeout_s: tells at the block's end how long they may, in seconds.

    Raises:
        StartError: the port cannot be bound, or the listener did not come up.
    """
    bound = bound or bind(host, port, name)
    most = descriptors.connections() if most is None else most
    contexts = ServerContexts(pair.chain, pair.key) if pair else None
    listener = BoundedListener(bound, most, most * 3 // 4, REQUEST_TIMEOUT_S)
    config = configuration(with_farewell(app, lambda: server.is_draining), listener, contexts)
    server = _Server(config, listener)
    thread = threading.Thread(target=server.run, args=([listener],), name=name, daemon=True)
    thread.start()
    try:
        if not server.listening.wait(_START_TIMEOUT_S):
            raise StartError(f"The {name} listener on {host}:{port} did not come up; see the log.")
        yield Serving(server, contexts)
    finally:
        server.drain_timeout_s = drain_timeout_s()
        server.should_exit = True
        thread.join()
        listener.close()
