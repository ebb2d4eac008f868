"""A package registry on this machine whose certificate no tool trusts, as behind a proxy that opens TLS."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates.authority import Authority


class _NotFound(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def untrusted_registry(folder: Path) -> Iterator[str]:
    """Its address."""
    served = Authority().issue(["localhost"])
    pem = folder / "registry.pem"
    pem.write_bytes(served.key_pem + b"\n" + served.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _NotFound) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
