"""What each of a zone's name servers answers, asked directly."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Final

import dns.message
import dns.rcode
import dns.rdatatype

from clients import dns_question
from clients.azure.errors import ConnectionFailed, NobodyToAsk
from clients.azure.operations import Pending, Waiter

QUERY_TIMEOUT_S: Final = 5.0


def wait_for_txt(
    name: str,
    value: str,
    servers: Sequence[str],
    *,
    deadline_s: float,
    tell: Callable[[str], None] = lambda _: None,
    waiter: Waiter | None = None,
) -> None:
    """Returns when each of the servers (`host:port`) has this TXT value at `name`.

    Args:
        deadline_s: how long to wait for all of them together, in seconds.
        tell: is given a line of progress at each look that was in vain.

    Raises:
        ConnectionFailed: a server's name has no address.
        NobodyToAsk: there are no servers.
        DeadlineExceeded: one does not answer it in time; the message names it, and what it answers.
    """
    require_servers(servers, f"the TXT record of {name}")
    left = list(servers)

    def look() -> bool | Pending:
        while left:
            seen = _txt_values(name, left[0])
            if isinstance(seen, str) or value not in seen:
                words = (
                    seen if isinstance(seen, str) else f"TXT {', '.join(seen)}" if seen else "no TXT record"
                )
                told = f"{words} at the name server {left[0]}"
                tell(f"Waiting for the TXT record of {name}; seen: {told}")
                return Pending(f"{told} (fpga-web-service:acmeTimeout can be longer)")
            del left[0]
        return True

    (waiter or Waiter()).until_done(look, what=f"the TXT record of {name}", deadline_s=deadline_s)


def require_servers(servers: Sequence[str], what: str) -> None:
    """Returns where there is one of a zone's servers to ask for `what`: what nobody was asked is not so.

    Raises:
        NobodyToAsk: there is none.
    """
    if not servers:
        raise NobodyToAsk(
            f"{what} cannot be looked up: the zone has no name server. Name reachable ones in "
            "fpga-web-service:nameServers"
        )


def ask(name: str, kind: dns.rdatatype.RdataType, server: str) -> dns.message.QueryMessage | str:
    """What a server (`host:port`) answers; in words where that is not the answer, or that there is none.

    Raises:
        ConnectionFailed: the server's name has no address.
    """
    host, _, port = server.rpartition(":")
    return dns_question.ask(name, kind, _address_of(host), int(port), QUERY_TIMEOUT_S)


def _txt_values(name: str, server: str) -> list[str] | str:
    """The values, or what came in their place, in words."""
    answer = ask(name, dns.rdatatype.TXT, server)
    if isinstance(answer, str):
        return answer
    if answer.rcode() is dns.rcode.NXDOMAIN:
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
