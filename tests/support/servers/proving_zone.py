"""A zone of a test's own: what ACME's challenges are published in, and the name server that answers it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from tests.support.servers.name_server import over_tcp


class ProvingZone:
    """Implements `certs.acme.order.Dns01`.

    Attributes:
        published, removed: the names that were, in their order.
        most: how many names had values at one time.
        tampered: the names at which it answers another value than the published one.
    """

    def __init__(self) -> None:
        self.published: list[str] = []
        self.removed: list[str] = []
        self.most = 0
        self.tampered: set[str] = set()
        self._values: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    @property
    def left(self) -> dict[str, list[str]]:
        """What is there now."""
        with self._lock:
            return dict(self._values)

    def present(self, proofs: Mapping[str, Sequence[str]]) -> None:
        with self._lock:
            for name, values in proofs.items():
                self.published.append(name)
                self._values[name] = ["another-value"] if name in self.tampered else list(values)
            self.most = max(self.most, len(self._values))

    def cleanup(self, name: str) -> None:
        with self._lock:
            self.removed.append(name)
            self._values.pop(name, None)

    def forget(self) -> None:
        """Back to how it began."""
        with self._lock:
            self.published.clear()
            self.removed.clear()
            self._values.clear()
            self.tampered.clear()
            self.most = 0

    def served(self) -> AbstractContextManager[str]:
        """Serves it: `host:port`."""
        return over_tcp(self._reply)

    def _reply(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        question = query.question[0]
        name = question.name.to_text()
        values = self.left.get(name.rstrip(".").lower())
        if values and question.rdtype == dns.rdatatype.TXT:
            texts = [f'"{value}"' for value in values]
            response.answer.append(dns.rrset.from_text(name, 1, "IN", "TXT", *texts))
        return response
