"""What each of a zone's name servers answers, asked directly."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from infra.clients.errors import ConnectionFailed
from infra.clients.operations import Pending, Waiter

QUERY_TIMEOUT_S: Final = 5.0


def wait_for_txt(
    name: str, value: str, servers: Sequence[str], *, deadline_s: float, waiter: Waiter | None = None
) -> None:
    """Returns when each of the servers (`host:port`) has this TXT value at `name`.

    Raises:
        ConnectionFailed: a server's name has no address.
        DeadlineExceeded: one does not answer it in time; the message names it, and what it answers.
    """
    for server in servers:
        host, _, port = server.rpartition(":")
        address = _address_of(host)

        def look(address: str = address, port: str = port) -> bool | Pending:
            seen = _txt_values(name, address, int(port))
            if isinstance(seen, str):
                return Pending(seen)
            return value in seen or Pending(f"TXT {', '.join(seen)}" if seen else "no TXT record")

        what = f"the TXT record of {name} at the name server {server}"
        (waiter or Waiter()).until_done(look, what=what, deadline_s=deadline_s)


def _txt_values(name: str, address: str, port: int) -> list[str] | str:
    """The values, or what came in their place, in words."""
    query = dns.message.make_query(name, dns.rdatatype.TXT)
    try:
        answer, _ = dns.query.udp_with_fallback(query, address, QUERY_TIMEOUT_S, port)
    except (dns.exception.DNSException, OSError) as error:
        return f"no answer ({str(error) or type(error).__name__})"
    if answer.rcode() is not dns.rcode.NOERROR:
        return dns.rcode.to_text(answer.rcode())
    return [
        b"".join(record.strings).decode("ascii", "replace")
        for records in answer.answer
        if records.rdtype is dns.rdatatype.TXT
        for record in records
    ]


def _address_of(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise ConnectionFailed(
            f"asking the zone's name server {host}",
            f"{error}; name reachable servers in fpga-web-service:nameServers",
            sent=False,
        ) from None
