"""An authority's resolver, between it and a test's name server, so that it can fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import dns.message
import dns.query

from tests.support.servers.name_server import over_tcp
from tests.support.waiting import PATIENCE_S


class Resolver:
    """The authority's resolver: it asks the name server, unless a test says otherwise.

    Attributes:
        lies: answers that there is no record.
        lies_of: the names of which it does so, without a dot at the end.
        asked: set when a question came while questions are held.
    """

    def __init__(self, name_server: str) -> None:
        host, _, port = name_server.rpartition(":")
        self._name_server = (host, int(port))
        self.lies = False
        self.lies_of: set[str] = set()
        self.asked = threading.Event()
        self._go_on = threading.Event()
        self._go_on.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """For the time being, questions wait."""
        self.asked.clear()
        self._go_on.clear()
        try:
            yield
        finally:
            self._go_on.set()

    def served(self) -> AbstractContextManager[str]:
        """Serves it: `host:port`."""
        return over_tcp(self._answer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        if not self._go_on.is_set():
            self.asked.set()
            self._go_on.wait(PATIENCE_S)
        asked = query.question[0].name.to_text(omit_final_dot=True).lower()
        if self.lies or asked in self.lies_of:
            return dns.message.make_response(query)
        host, port = self._name_server
        return dns.query.tcp(query, host, PATIENCE_S, port)
