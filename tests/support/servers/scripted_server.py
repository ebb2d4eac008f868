"""An HTTP server that answers from a script: what a client sees of a cloud that has a bad day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.servers import http_server


@dataclass(frozen=True)
class Reply:
    """One answer of the script; status 0 closes the connection after the request was read."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class ScriptedServer:
    """Answers requests in order of the script, and keeps what arrived.

    Attributes:
        url: its address, while it runs.
        seen: the requests, in their order.
    """

    def __init__(self, *script: Reply) -> None:
        self._script = list(script)
        self.seen: list[Seen] = []
        self.url = ""

    def extend(self, *script: Reply) -> None:
        """Adds answers, which may name the server."""
        self._script += script

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        """Answers meanwhile."""
        outer = self

        class Handler(http_server.Handler):
            def _answer(self) -> None:
                raw = self.content()
                seen = Seen(self.command, self.path, dict(self.headers), json.loads(raw) if raw else None)
                outer.seen.append(seen)
                reply = outer._script.pop(0)
                if reply.status == 0:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                self.answer(reply.status, json.dumps(reply.body).encode(), reply.headers)

            do_HEAD = do_GET = do_POST = do_PUT = do_DELETE = _answer

        with http_server.serving(Handler) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self
