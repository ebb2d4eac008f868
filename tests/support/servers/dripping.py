"""A server that sends its answer byte by byte, without end: what it has to say never comes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Name: "
"""An answer whose headers go on for ever."""
ENDLESS_BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n{"


class Dripping:
    """A running one.

    Attributes:
        url: `http://127.0.0.1:PORT`.
        callers: the connections so far.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.callers = 0


@contextmanager
def serving(begin: bytes = BEGUN, drop: bytes = b"x", interval_s: float = 0.02) -> Iterator[Dripping]:
    """Serves meanwhile; at the end every caller is hung up on.

    Args:
        begin: sent at once, and `drop` behind it every `interval_s` seconds.
    """
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(begin)
            while not ended.wait(interval_s):
                connection.sendall(drop)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                made.callers += 1
                threads.append(threading.Thread(target=drip, args=(connection,), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        made = Dripping(f"http://127.0.0.1:{server.getsockname()[1]}")
        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield made
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()
