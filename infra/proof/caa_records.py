"""The CAA records of a zone, which must let an authority issue, asked as the authority will ask (RFC 8659).

Names in the zone are asked of the zone's own servers, those above it of recursive resolvers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.exception
import dns.rdatatype
import dns.resolver

from certs.acme import caa
from clients.azure.operations import Pending, Waiter
from clients.dns.resolution import resolver_of
from clients.dns.server import TIMEOUT_S, look_up
from clients.dns.zone import require_servers, with_address
from infra.proof import caa_issuers
from infra.settings import naming


@dataclass(frozen=True)
class ZoneCaa:
    """The look at a zone's CAA records that `certs.sources.acme` takes before it asks the authority.

    Attributes:
        zone: its name; `servers`: `host:port` of each of its name servers.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers; empty: the system's; None: nobody is asked about
            what is above the zone.
        declared: who may issue, as the graph declares it at the zone's apex; empty: it declares nothing.
        left_s: gives how long to wait for records that are declared, in seconds; `tell`: takes progress.
    """

    zone: str
    servers: Sequence[str]
    resolvers: Sequence[str] | None
    declared: Sequence[str]
    left_s: Callable[[], float]
    tell: Callable[[str], None]
    waiter: Waiter = field(default_factory=Waiter)

    def require(self, dns_name: str, identities: Sequence[str]) -> None:
        """Requires that the authority may issue; waits where what is declared lets it and is not served yet.

        Raises:
            AcmeError: it may not; the message tells what was seen and what was expected.
            ClientError: no server of the zone answers in time, or there is none.
        """
        require_servers(self.servers, f"the CAA records for {dns_name}")
        on_its_way = bool(self.declared) and caa_issuers.refusal(self.declared, identities) is None

        def look() -> bool | Pending:
            try:
                found = caa.relevant_set(dns_name, self._look_up)
            except _Silent as silence:
                return self._pending(str(silence))
            reason = caa.refusal(found.properties, identities, wildcard=dns_name.startswith("*."))
            if reason is None:
                return True
            if on_its_way and naming.is_under(found.at, self.zone):
                return self._pending(f"CAA records at {found.at} that {reason}")
            left_over = not self.declared and found.at == self.zone
            raise caa_issuers.forbidden(found.at, reason, identities, left_over=left_over)

        what = f"the CAA records for {dns_name}"
        self.waiter.until_done(look, what=what, deadline_s=max(0, round(self.left_s())))

    def _pending(self, seen: str) -> Pending:
        self.tell(f"Waiting for CAA records that let the authority issue; seen: {seen}")
        return Pending(f"{seen} (fpga-web-service:acmeTimeout can be longer)")

    def _look_up(self, name: str) -> list[caa.Property]:
        if not naming.is_under(name, self.zone):
            return self._above(name)
        seen: list[str] = []
        for server in self.servers:
            found = look_up(name, with_address(server), kind=dns.rdatatype.CAA)
            if found.answered:
                return _properties(found.records)
            seen.append(f"{found.told} at the name server {server}")
        raise _Silent("; ".join(seen))

    def _above(self, name: str) -> list[caa.Property]:
        if self.resolvers is None:
            raise caa.Unanswered
        try:
            found = resolver_of(self.resolvers).resolve(
                f"{name}.", dns.rdatatype.CAA, raise_on_no_answer=False, lifetime=TIMEOUT_S
            )
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.DNSException:
            # that this resolver does not tell proves nothing of the authority's
            self.tell(f"CAA records at {name} could not be looked up: the authority will see for itself")
            raise caa.Unanswered from None
        return _properties(found.rrset or ())


class _Silent(Exception):
    """No server of the zone answers; the text says what each did instead."""


def _properties(records: Iterable[Any]) -> list[caa.Property]:
    return [
        caa.Property(one.flags, one.tag.decode("ascii", "replace"), one.value.decode("ascii", "replace"))
        for one in records
    ]
