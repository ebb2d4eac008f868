"""A name server that a test answers for. Over TCP, one question a connection: as pebble asks."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.message
import dns.query


@contextmanager
def serving(answer: Callable[[dns.message.Message], dns.message.Message]) -> Iterator[str]:
    """Gives each question to `answer`, in a thread of its own, while it is entered: `host:port`."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, _ = dns.query.receive_tcp(self.request)
            dns.query.send_tcp(self.request, answer(query))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()
