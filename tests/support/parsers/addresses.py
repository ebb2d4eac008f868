"""Addresses and headers: URLs of packages, name servers, when to come back, and what is blotted out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import requests

from clients.azure.errors import redact
from clients.dns.resolution import host_and_port
from localcloud.errors import CloudError
from localcloud.http.frame import MAX_BODY_BYTES
from localcloud.modelmanagement.models import parse, without_signature
from surroundings.https import retry_after_s
from tests.support.parsers.parser import Parser, require_sentence

_SECRET: Final = "kJ8dLq0Zr5TbWm3XyN7v"
_AT: Final = b"HERE"


def _check_url(data: bytes) -> None:
    """The host that is looked at is the host that would be called, and no signature is kept."""
    url = data.decode(errors="replace")
    try:
        registration = parse({"name": "model", "mimeType": "application/zip", "url": url})
    except CloudError as error:
        require_sentence(error.message)
        return
    shown = without_signature(registration.url)
    require_sentence(shown, len(url) + 10)
    parts = urlsplit(shown)
    assert not parts.query
    assert parts.username is None
    assert without_signature(shown) == shown
    try:
        prepared = requests.Request("GET", url).prepare()
    except (requests.RequestException, UnicodeError):
        return
    called = urlsplit(prepared.url or "").hostname
    if (parts.hostname or "").isascii() and "%" not in (parts.hostname or ""):
        assert called == parts.hostname, f"{called} would be called"


def _check_name_server(data: bytes) -> None:
    """A name server's address is an address and a port, or is refused."""
    written = data.decode(errors="replace")
    try:
        host, port = host_and_port(written)
    except ValueError as error:
        if "is not ADDRESS or ADDRESS:PORT" in str(error):
            return
        raise
    assert host
    assert 1 <= port <= 65535


def _check_retry_after(data: bytes) -> None:
    """A server that asks to come back names a time that one can wait for."""
    for name in ("Retry-After", "retry-after-ms"):
        asked_s = retry_after_s({name: data.decode("latin-1")})
        assert asked_s is None or (math.isfinite(asked_s) and asked_s >= 0)


def _check_redaction(data: bytes) -> None:
    """A signature in an address, and a bearer token, are blotted out of whatever is around them."""
    before, _, after = data.decode("latin-1").partition(_AT.decode())
    for secret in (f"?sv=1&sig={_SECRET}", f" Bearer {_SECRET}", f" client_secret={_SECRET}"):
        assert _SECRET not in redact(f"{before}{secret} {after}")


def _urls() -> Iterator[bytes]:
    yield b"https://a.blob.core.windows.net/models/m.zip?sv=2024&sig=abc%3D"
    yield b"https://user:password@127.0.0.1:10000/x"
    yield b"http://[::1]:80/x#y"
    yield b"https://example.com\\@127.0.0.1/"
    yield b"https://EXAMPLE.com:00443/"
    yield "https://bücher.example/％2e".encode()
    yield b"https://127.0.0.1:65536/"
    yield b"https://[::1%25lo]/"
    yield b"https://[::1%qlo]/"


def _name_servers() -> Iterator[bytes]:
    for written in (
        "127.0.0.1",
        "127.0.0.1:53",
        "[::1]:53",
        "::1",
        "127.0.0.1:²",
        "1.1.1.1:65536",
        ":",
        "[]:1",
    ):
        yield written.encode()


def _retries() -> Iterator[bytes]:
    for written in (
        *("0", "120", "9" * 400, "²", "-1", "1.5", ""),
        *("Fri, 31 Dec 1999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "Fri Dec 31 23:59:59 1999"),
        *("Fri, 31 Dec 9999 23:59:59 -2359", "Fri, 31 Dec 0001 23:59:59 +2359", "1 Jan 70 0:0:0 +99999999"),
    ):
        yield written.encode("latin-1")


def _told() -> Iterator[bytes]:
    yield b"https://x/y HERE and so on"
    yield b'{"primaryKey": "x", "ssl_key": "HERE"}'
    yield b"-----BEGIN PRIVATE KEY-----\nAAAA\nHERE"
    yield b"-----BEGIN PRIVATE KEY-----\nEND END END -----END PRIVATE KEY-----HERE"
    yield b"account_key    :    HERE"


def _long() -> Iterator[bytes]:
    yield b"-----BEGIN PRIVATE KEY" + b"END " * (1 << 18)
    yield b"-----BEGIN " * (1 << 16)
    yield b"account_key" + b" " * (1 << 20)


PARSERS: Final = (
    Parser("package-url", "the URL of a package", _check_url, _urls, size=MAX_BODY_BYTES),
    Parser("name-server", "the address of a name server", _check_name_server, _name_servers),
    Parser("retry-after", "when a server asks to come back", _check_retry_after, _retries),
    Parser("redaction", "texts in which a secret stands", _check_redaction, _told, _long, size=1 << 20),
)
