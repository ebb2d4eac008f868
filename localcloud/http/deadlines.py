"""A total time for requests to another server: connecting, TLS, headers and body in one.

The timeouts of `requests` begin anew with each byte that comes: a server that drips them, in its headers
say, holds its caller for hours.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from surroundings.https import Adapter


class Deadline:
    """A time after which every connection that was opened inside the block is cut.

    Args:
        seconds: from the beginning of the block.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._passed = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    @property
    def passed(self) -> bool:
        """Whether the time is over: then this is why a connection ended."""
        with self._lock:
            return self._passed

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for watched in self._sockets:
                watched.close()
            self._sockets.clear()

    def watch(self, connection: socket.socket) -> None:
        """Cuts this connection, too, when the time is over."""
        with self._lock:
            # A second descriptor: TLS takes the first one away from its object.
            self._sockets.append(connection.dup())
            if self._passed:
                _cut(self._sockets[-1])

    def _pass(self) -> None:
        with self._lock:
            self._passed = True
            for watched in self._sockets:
                _cut(watched)


class DeadlineAdapter(Adapter):
    """The transport of a session whose connections a deadline cuts; to be mounted for http and https.

    Args:
        addresses: those to connect to where no proxy is between, in the place of what the URL's host resolves
            to; empty: that.
        port: the one to connect to there in the place of the URL's; None: that.
        options: of `Adapter`.
    """

    def __init__(
        self, deadline: Deadline, addresses: Sequence[str] = (), port: int | None = None, **options: Any
    ) -> None:
        self._classes = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, deadline, addresses, port),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, deadline, addresses, port),
        }
        self._past_proxies = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, deadline, (), None),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, deadline, (), None),
        }
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As `HTTPAdapter.init_poolmanager`, with connections that are watched."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """As `Adapter.proxy_manager_for`, with connections that are watched."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._past_proxies
        return manager


def _pool(
    kind: type[Any], connection: type[Any], deadline: Deadline, addresses: Sequence[str], port: int | None
) -> type[Any]:
    class Watched(connection):  # type: ignore[misc] # of either scheme
        _dns_host: str
        port: int

        def _new_conn(self) -> socket.socket:
            made = self._connected()
            deadline.watch(made)
            return made

        def _connected(self) -> socket.socket:
            name, named_port = self._dns_host, self.port  # the certificate is compared with the name
            try:
                for number, address in enumerate(addresses, 1):
                    self._dns_host, self.port = address, port or named_port
                    try:
                        return super()._new_conn()  # type: ignore[no-any-return]
                    except HTTPError:
                        if number == len(addresses):
                            raise
            finally:
                self._dns_host, self.port = name, named_port
            return super()._new_conn()  # type: ignore[no-any-return]

    return type(kind.__name__, (kind,), {"ConnectionCls": Watched})


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side went first
        return
