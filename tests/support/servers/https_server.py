"""An HTTPS server with a chain and key of a test's choice, which answers each GET with a JSON object."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from surroundings.tls import server_context
from tests.support.certificates.forge import Made, chain

BODY = b'{"said": "hello"}'


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path, leaf: Made, *above: Made) -> Iterator[int]:
    """The port on loopback."""
    certificate, key = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(chain(leaf, *above))
    key.write_bytes(leaf.key_pem)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        context = server_context(certificate, key)
        # at the first read, on the thread of the connection: one that fails must not hold up the next
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
