"""A recursive resolver that forwards to one server and keeps what it was told until its TTL is over."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import dns.rrset

from tests.support.servers.name_server import name_server

Question = tuple[str, int]


class ForwardingCache:
    """Answers from the cache, else from the server behind it; counts TTLs down (RFC 1035, 7.4; RFC 2308, 5).

    Attributes:
        asked: what was forwarded, in order: each entry is a miss.
    """

    def __init__(self, forward_to: str, clock: Callable[[], float]) -> None:
        host, _, port = forward_to.rpartition(":")
        self._server = (host, int(port))
        self._clock = clock
        self._kept: dict[Question, tuple[float, dns.message.Message]] = {}
        self._lock = threading.Lock()
        self.asked: list[str] = []

    def __call__(self, query: dns.message.Message) -> dns.message.Message:
        with self._lock:
            since, kept = self._found(query)
        response = dns.message.make_response(query, recursion_available=True)
        response.set_rcode(kept.rcode())
        for section, source in ((response.answer, kept.answer), (response.authority, kept.authority)):
            section.extend(_aged(rrset, self._clock() - since) for rrset in source)
        return response

    def _found(self, query: dns.message.Message) -> tuple[float, dns.message.Message]:
        question = (query.question[0].name.to_text().lower(), int(query.question[0].rdtype))
        if question in self._kept:
            since, kept = self._kept[question]
            if self._clock() - since < _lifetime_s(kept):
                return since, kept
        self.asked.append(question[0])
        forwarded = dns.message.make_query(query.question[0].name, query.question[0].rdtype)
        host, port = self._server
        answer = dns.query.udp(forwarded, host, timeout=5.0, port=port)
        self._kept[question] = (self._clock(), answer)
        return self._kept[question]


def _lifetime_s(message: dns.message.Message) -> int:
    """Of an answer the shortest TTL in it; of its absence what the SOA record says; of a failure nothing."""
    if message.answer:
        return min(rrset.ttl for rrset in message.answer)
    soa = [rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA]
    return min(soa[0].ttl, soa[0][0].minimum) if soa else 0


def _aged(rrset: dns.rrset.RRset, age_s: float) -> dns.rrset.RRset:
    aged = copy.copy(rrset)
    aged.ttl = max(0, int(rrset.ttl - age_s))
    return aged


@contextmanager
def recursive_resolver(forward_to: str, clock: Callable[[], float]) -> Iterator[tuple[str, ForwardingCache]]:
    """Serves a cache on a free port of loopback: `ADDRESS:PORT`, and the cache."""
    cache = ForwardingCache(forward_to, clock)
    with name_server(cache) as server:
        yield server, cache
