"""A request as bytes on a TLS connection: nothing mends a path, a header or a method on its way."""

from __future__ import annotations

import http.client
import json
import select
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from localcloud.status import Status


@dataclass(frozen=True)
class Answer:
    """An answer as it came; header names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


class RawHttps:
    """Sends requests to a localcloud, each on the connection of the one before as long as that lives."""

    def __init__(self, status: Status) -> None:
        parts = urlsplit(str(status.https))
        self._where = (str(parts.hostname), int(parts.port or 443))
        self._context = ssl.create_default_context(cafile=str(status.ca))
        self._opened: ssl.SSLSocket | None = None

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def __call__(
        self, method: str, target: bytes, headers: Mapping[str, str | bytes] | None = None, body: bytes = b""
    ) -> Answer:
        """One request; `target` is what stands in its first line, percent-encoded or not."""
        sent = {"Host": f"{self._where[0]}:{self._where[1]}", "Content-Length": str(len(body))}
        lines = [method.encode("latin-1") + b" " + target + b" HTTP/1.1"]
        for name, value in (sent | dict(headers or {})).items():
            lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
        try:
            return self._exchange(method, b"\r\n".join(lines) + b"\r\n\r\n" + body)
        except BaseException:
            self.close()
            raise

    def _exchange(self, method: str, sent: bytes) -> Answer:
        if self._opened is not None and select.select([self._opened], [], [], 0)[0]:
            self.close()  # nothing was asked: what came is the end, after a silence of half a minute
        if self._opened is None:
            plain = socket.create_connection(self._where, timeout=30)
            self._opened = self._context.wrap_socket(plain, server_hostname=self._where[0])
        self._opened.sendall(sent)
        with http.client.HTTPResponse(self._opened, method=method) as response:
            response.begin()
            content = response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, headers, content)
            if response.will_close:
                self.close()
        return answer
