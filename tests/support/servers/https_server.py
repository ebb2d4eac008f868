"""An HTTPS server with a chain and key of a test's choice, which answers each GET with a JSON object."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tests.support.certificates.forge import Made
from tests.support.servers import http_server

BODY = b'{"said": "hello"}'


class _Hello(http_server.Handler):
    def do_GET(self) -> None:
        self.answer(200, BODY)


def serving(leaf: Made, *above: Made) -> AbstractContextManager[int]:
    """The port on loopback."""
    return http_server.serving(_Hello, leaf, *above)
