"""An HTTP server on a free port, of loopback as a rule, with or without TLS, whose answers a test says."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from surroundings.tls import server_context
from tests.support.certificates.forge import Made, chain


class Handler(BaseHTTPRequestHandler):
    """A request, and how it is answered. It keeps no log."""

    protocol_version = "HTTP/1.1"

    def content(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Answers the request.

        Args:
            headers: with those that are given; Content-Length is among them always.
        """
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a caller may keep its connection open

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tells of a fault of a handler; that callers hang up, or refuse the certificate, is none."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving(
    handler: type[Handler], leaf: Made | None = None, *above: Made, host: str = "127.0.0.1"
) -> Iterator[int]:
    """Serves meanwhile: the port.

    Args:
        handler: answers the requests, each on a thread of its own.
        leaf: the server's certificate, and `above` what it sends behind it. None: there is no TLS.
        host: the address to listen on.
    """
    with _Server((host, 0), handler) as server:
        if leaf is not None:
            _secure(server, leaf, above)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _secure(server: ThreadingHTTPServer, leaf: Made, above: tuple[Made, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "server.pem", Path(folder) / "server.key"
        certificate.write_bytes(chain(leaf, *above))
        key.write_bytes(leaf.key_pem)
        context = server_context(certificate, key)
    # at the first read, on the thread of the connection: one that fails must not hold up the next
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
