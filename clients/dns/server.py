"""One question to one DNS server, asked once: the records, or in words why there are none.

Source: RFC 1034 section 3.6.2 (aliases), RFC 2308 section 5 (how long "there is none" is kept).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.ttl

from clients.dns.resolution import host_and_port

TIMEOUT_S: Final = 5.0
"""Enough for any server that answers."""
_USABLE: Final = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


@dataclass(frozen=True)
class Lookup:
    """An answer, or the want of one.

    Attributes:
        records: those at the end of the chain of aliases; empty where there are none.
        told: the answer in words: `A 192.0.2.1`, `NXDOMAIN`, `no answer within 5 s`, `REFUSED`.
        answered: whether it is an answer, be it that there is no such name.
        kept_s: for how many seconds more it comes out of a cache; None: the server answers for the zone
            itself, or does not tell.
    """

    records: tuple[dns.rdata.Rdata, ...]
    told: str
    answered: bool = True
    kept_s: int | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """The records as text, sorted: addresses, or the whole of each TXT value."""
        return tuple(sorted(map(_text, self.records)))


def look_up(
    name: str,
    server: str,
    timeout_s: float = TIMEOUT_S,
    kind: dns.rdatatype.RdataType = dns.rdatatype.A,
) -> Lookup:
    """Asks one server, once, for a name's records; whatever comes back, or does not, is an answer.

    Args:
        name: in A-labels; from the root, with its last dot or without.
        server: `ADDRESS[:PORT]`.
        timeout_s: how long to wait for the answer, in seconds.
        kind: of the records.
    """
    response = _ask(name, kind, *host_and_port(server), timeout_s)
    return Lookup((), response, answered=False) if isinstance(response, str) else lookup_of(response, kind)


def lookup_of(response: dns.message.Message, kind: dns.rdatatype.RdataType) -> Lookup:
    """The records of that kind in a server's answer, or in words why there are none."""
    if response.rcode() not in _USABLE or not isinstance(response, dns.message.QueryMessage):
        return Lookup((), dns.rcode.to_text(response.rcode()), answered=False)
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException as error:  # aliases that lead nowhere
        return Lookup((), f"no usable answer ({error or type(error).__name__})", answered=False)
    kept_s = (
        None if response.flags & dns.flags.AA or chain.minimum_ttl == dns.ttl.MAX_TTL else chain.minimum_ttl
    )
    alias = f" by the alias {chain.canonical_name.to_text(omit_final_dot=True)}" if chain.cnames else ""
    what = dns.rdatatype.to_text(kind)
    if chain.answer is None:
        none = "NXDOMAIN" if response.rcode() == dns.rcode.NXDOMAIN else f"no {what} record"
        return Lookup((), none + alias, kept_s=kept_s)
    found = Lookup(tuple(chain.answer), "", kept_s=kept_s)
    return replace(found, told=f"{what} {', '.join(found.values)}{alias}")


def _ask(
    name: str, kind: dns.rdatatype.RdataType, address: str, port: int, timeout_s: float
) -> dns.message.Message | str:
    """The server's answer, over UDP, and over TCP where that is cut short; else why there is none."""
    try:
        question = dns.message.make_query(dns.name.from_text(name), kind)
        answer, _ = dns.query.udp_with_fallback(question, address, timeout=timeout_s, port=port)
    except dns.exception.Timeout:
        return f"no answer within {round(timeout_s, 2):g} s"  # what is left of a deadline has many digits
    except (dns.exception.DNSException, OSError) as error:
        return f"no usable answer ({str(error) or type(error).__name__})"
    return answer


def _text(record: dns.rdata.Rdata) -> str:
    if record.rdtype == dns.rdatatype.TXT:
        return b"".join(record.strings).decode("ascii", "replace")  # type: ignore[attr-defined]
    return record.to_text()
