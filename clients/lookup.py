"""What one DNS server says about a name's addresses, and for how long it will go on saying it.

Source: RFC 1034 section 3.6.2 (aliases), RFC 2308 section 5 (how long "there is none" is kept).
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.rcode
import dns.rdatatype
import dns.ttl

from clients.dns_question import ask
from clients.name_resolution import host_and_port


@dataclass(frozen=True)
class Lookup:
    """An answer, or the want of one.

    Attributes:
        addresses: the IPv4 addresses at the end of the chain of aliases, sorted; empty where there are none.
        told: the answer in words: `A 192.0.2.1`, `NXDOMAIN`, `no answer within 5 s`.
        kept_s: for how many seconds more it comes out of a cache; None: the server answers for the zone
            itself, or does not tell.
    """

    addresses: tuple[str, ...]
    told: str
    kept_s: int | None = None


def look_up(name: str, server: str, timeout_s: float) -> Lookup:
    """Asks one server, once, for a name's A records; whatever comes back, or does not, is an answer.

    Args:
        name: in A-labels.
        server: `ADDRESS[:PORT]`.
        timeout_s: how long to wait for the answer, in seconds.
    """
    response = ask(name, dns.rdatatype.A, *host_and_port(server), timeout_s)
    if isinstance(response, str):
        return Lookup((), response)
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException as error:
        return Lookup((), f"no usable answer ({error or type(error).__name__})")
    kept_s = (
        None if response.flags & dns.flags.AA or chain.minimum_ttl == dns.ttl.MAX_TTL else chain.minimum_ttl
    )
    alias = f" by the alias {chain.canonical_name.to_text(omit_final_dot=True)}" if chain.cnames else ""
    if chain.answer is None:
        told = "NXDOMAIN" if response.rcode() == dns.rcode.NXDOMAIN else "no A record"
        return Lookup((), told + alias, kept_s)
    addresses = tuple(sorted(record.to_text() for record in chain.answer))
    return Lookup(addresses, f"A {', '.join(addresses)}{alias}", kept_s)
