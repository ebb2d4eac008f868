"""The proof that a name leads to an address: at each of the zone's servers, and at recursive resolvers.

A server of the zone that lags behind is asked again and again; a resolver that still holds what was, when its
TTL is over. All of it ends with one limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clients.azure.operations import Pending, Waiter
from clients.dns.server import TIMEOUT_S, Lookup, look_up
from clients.dns.zone import require_servers

SHORTEST_QUERY_TIMEOUT_S = 1.0
"""What a server is given even where the limit is nearly reached."""
QUIET_S = 2.0
"""A wait is told of when it has lasted this long."""


@dataclass(frozen=True)
class DeclaredRecord:
    """A record as it is declared, and the servers that are asked for it.

    Attributes:
        fqdn: in A-labels; an A record, or an alias of a name that has one.
        name_servers: `ADDRESS:PORT` of each of the zone's servers.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers.
        delegation: names of the zone's servers, as the zone's parent must name them.
    """

    fqdn: str
    ip: str
    name_servers: tuple[str, ...]
    resolvers: tuple[str, ...] = ()
    delegation: tuple[str, ...] = ()


def prove_record(
    declared: DeclaredRecord, *, deadline_s: float, waiter: Waiter, tell: Callable[[str], None]
) -> None:
    """Returns when every server gives the declared address and no other.

    Args:
        deadline_s: how long to wait for all of them together, in seconds.
        tell: is given one line of progress whenever what is waited for has changed.

    Raises:
        NobodyToAsk: the zone has no name server.
        DeadlineExceeded: names each server that does not, and what it said last.
    """
    require_servers(declared.name_servers, f"the A record of {declared.fqdn}")
    begin = waiter.clock()
    told: list[str] = []
    waited_for = [("name server", server) for server in declared.name_servers]
    waited_for += [("resolver", server) for server in declared.resolvers]

    def look() -> bool | Pending:
        left_s = begin + deadline_s - waiter.clock()
        timeout_s = min(TIMEOUT_S, max(SHORTEST_QUERY_TIMEOUT_S, left_s))
        found = [(role, server, look_up(declared.fqdn, server, timeout_s)) for role, server in waited_for]
        wrong = [one for one in found if one[2].values != (declared.ip,)]
        waited_for[:] = [(role, server) for role, server, _ in wrong]
        if not wrong:
            return True
        places = ", ".join(f"the {role} {server}" for role, server in waited_for)
        seen = "; ".join(_seen(declared, *one) for one in wrong)
        pause_s = _pause_s([lookup.kept_s for _, _, lookup in wrong])
        if waiter.clock() - begin + (pause_s or 0) >= QUIET_S and told[-1:] != [places]:
            told.append(places)
            tell(f"Waiting for {places} to give {declared.ip} for {declared.fqdn}; seen: {seen}")
        return Pending(seen, pause_s)

    what = f"the A record of {declared.fqdn} to be {declared.ip}"
    waiter.until_done(look, what=what, deadline_s=deadline_s)


def _pause_s(kept: list[int | None]) -> float | None:
    """The pause until the first cache lets go of what it has; None as soon as a server asks the zone itself.

    A whole second at least: a TTL is rounded down, and what has 0 s left is there still.
    """
    known = [seconds for seconds in kept if seconds is not None]
    return max(1, min(known)) if len(known) == len(kept) else None


def _seen(declared: DeclaredRecord, role: str, server: str, lookup: Lookup) -> str:
    seen = f"{lookup.told} at the {role} {server}"
    if lookup.kept_s:
        seen += f", kept for another {lookup.kept_s} s (fpga-web-service:checkTimeout can be longer)"
    if role == "resolver" and not lookup.values and declared.delegation:
        seen += f" (does the zone's parent name its servers, NS {', '.join(declared.delegation)}?)"
    return seen
