"""The name servers of a zone, asked directly."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

import dns.rdatatype

from clients.azure.errors import ConnectionFailed, NobodyToAsk
from clients.azure.operations import Pending, Waiter
from clients.dns.resolution import literal_address
from clients.dns.server import look_up


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


def with_address(server: str) -> str:
    """A server of a zone (`host:port`) with its host as an address: a zone's own NS records are names.

    Raises:
        ConnectionFailed: the name has no address.
    """
    host, _, port = server.rpartition(":")
    if literal_address(host) is not None:
        return server
    try:
        return f"{socket.gethostbyname(host)}:{port}"
    except (OSError, UnicodeError) as error:
        raise ConnectionFailed(
            f"asking the zone's name server {host}",
            f"{error}; name reachable servers in fpga-web-service:nameServers",
            sent=False,
        ) from None


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
            found = look_up(name, with_address(left[0]), kind=dns.rdatatype.TXT)
            if value not in found.values:
                told = f"{found.told} at the name server {left[0]}"
                tell(f"Waiting for the TXT record of {name}; seen: {told}")
                return Pending(f"{told} (fpga-web-service:acmeTimeout can be longer)")
            del left[0]
        return True

    (waiter or Waiter()).until_done(look, what=f"the TXT record of {name}", deadline_s=deadline_s)
