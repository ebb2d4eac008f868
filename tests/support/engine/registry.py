"""A package registry on this machine whose certificate no tool trusts, as behind a proxy that opens TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.certificates.authority import Authority
from tests.support.servers import http_server


class _NotFound(http_server.Handler):
    def do_GET(self) -> None:
        self.answer(404)


@contextmanager
def untrusted_registry() -> Iterator[str]:
    """Its address."""
    with http_server.serving(_NotFound, Authority().issue(["localhost"])) as port:
        yield f"https://localhost:{port}"
