"""A cloud that loses answers: a localcloud behind a server that passes on, and fails where a test says."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surroundings import https
from tests.support.certificates.authority import Authority
from tests.support.servers import http_server

_OF_THE_CONNECTION = frozenset({"connection", "content-length", "host", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True)
class _Victim:
    """A request that is to fail."""

    method: str
    path: re.Pattern[str]
    acts: bool
    status: int

    def is_met_by(self, method: str, path: str) -> bool:
        return method == self.method and self.path.search(path) is not None


class FaultyCloud:
    """The server in front. It stands at another address, and every answer names that one.

    Args:
        behind: the localcloud's, as `https://HOST:PORT`.
        ca: PEM file of its root.
        trust: the PEM file to write, with the roots of both.

    Attributes:
        address: its own, while it runs.
        acted: set once the request that was to fail has come, and was carried out where it was to be.
    """

    def __init__(self, behind: str, ca: Path, trust: Path) -> None:
        self._behind, self._ca, self.trust = behind, ca, trust
        self.address = ""
        self.acted = threading.Event()
        self._victim: _Victim | None = None
        self._is_out = False

    def lose_the_answer(self, path: str) -> None:
        """Has the next PUT whose path ends so be carried out and not answered; nothing goes through then.

        Args:
            path: regular expression of a path's end.
        """
        self.fail("PUT", path)

    def fail(self, method: str, path: str, *, acts: bool = True, status: int = 0) -> None:
        """Has the next such request fail; nothing goes through then.

        Args:
            path: regular expression of a path's end.
            acts: whether it is carried out.
            status: of the answer; 0: there is none.
        """
        self.acted.clear()
        self._victim = _Victim(method, re.compile(f"{path}$"), acts, status)

    def mend(self) -> None:
        """Passes on again."""
        self._victim, self._is_out = None, False

    @contextmanager
    def running(self) -> Iterator[FaultyCloud]:
        """Serves meanwhile."""
        outer, authority = self, Authority()
        self.trust.write_bytes(authority.root + self._ca.read_bytes())

        class Handler(http_server.Handler):
            def handle_any(self) -> None:
                content = self.content()
                reply = outer._passed_on(self.command, self.path, dict(self.headers), content)
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.answer(*reply)

            do_GET = do_HEAD = do_PUT = do_PATCH = do_POST = do_DELETE = handle_any

        with http_server.serving(Handler, authority.issue(["127.0.0.1"])) as port:
            self.address = f"https://127.0.0.1:{port}"
            yield self

    def _passed_on(
        self, method: str, path: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, bytes, dict[str, str]] | None:
        victim = self._victim
        fails = victim is not None and victim.is_met_by(method, path.partition("?")[0])
        if self._is_out:
            return None
        if fails and victim is not None and not victim.acts:
            self._is_out = True
            self.acted.set()
            return None
        with https.session() as session:
            answer = session.request(
                method,
                self._behind + path,
                data=content,
                headers=_passable(headers),
                verify=str(self._ca),
                allow_redirects=False,
                timeout=60,
            )
        if fails and victim is not None:
            self._is_out = True
            self.acted.set()
            if victim.status:
                return victim.status, b"{}", {}
        if self._is_out:
            return None
        body = answer.content.replace(self._behind.encode(), self.address.encode())
        told = {name: value.replace(self._behind, self.address) for name, value in answer.headers.items()}
        return answer.status_code, body, _passable(told)


def _passable(headers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION}
