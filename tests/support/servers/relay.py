"""A TCP relay in front of a server, which can fail: callers are hung up on, or nobody listens."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Relay:
    """Listens on 127.0.0.1 and passes on to a port of the same address.

    Attributes:
        port: where it listens.
        hung_up: how many callers came while it was cut.
    """

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self.hung_up = 0
        self._listen(0)

    def cut(self) -> None:
        """Ends every connection, and from now on each new one at once."""
        with self._lock:
            self._is_cut = True
            for one in self._open:
                _end(one)

    def mend(self) -> None:
        """Passes on again."""
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        """Stops listening: callers are refused."""
        _end(self._listener)  # closing alone would leave the thread in accept()
        self._listener.close()
        self._thread.join()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """For the time being, callers are refused."""
        self.close()
        try:
            yield
        finally:
            self._listen(self.port)

    def _listen(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    self.hung_up += 1
                    caller.close()
                    continue
                try:
                    server = socket.create_connection(self._target)
                except OSError:
                    caller.close()
                    continue
                self._open |= {caller, server}
            for source, sink in ((caller, server), (server, caller)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        _end(sink)
        with self._lock:
            self._open.discard(source)
        source.close()


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
