"""The permission to issue for the server's name: CAA records, asked for as the authority will (RFC 8659).

They are looked up before an order, for a refusal of the authority's counts against its rate limits. Names in
zones of this server are asked of its own name server, all others of this machine's resolvers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver

from certs.acme import caa
from certs.errors import AcmeError
from certs.findings import error

_TIMEOUT_S = 5.0
_ANSWERS = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)

log = logging.getLogger(__name__)


class CaaRecords:
    """The CAA records above a name.

    Args:
        name_server: host and port where this machine finds its own name server.
        resolvers: `ADDRESS[:PORT]` of each to ask for the names of others; empty: this machine's.
        directory_setting: the setting that chooses the authority, as somebody would write it.
    """

    def __init__(
        self, name_server: tuple[str, int], resolvers: Sequence[str], directory_setting: str
    ) -> None:
        self._name_server, self._resolvers = name_server, resolvers
        self._directory_setting = directory_setting

    def require(self, dns_name: str, identities: Sequence[str]) -> None:
        """Requires that an authority with these names (RFC 8555, 7.1.1: `caaIdentities`) may issue.

        What nobody answers is left to the authority, which sees for itself.

        Raises:
            AcmeError: it may not.
        """
        found = caa.relevant_set(dns_name, self._look_up)
        reason = caa.refusal(found.properties, identities, wildcard=False)
        if reason is None:
            return
        known = " or ".join(sorted(identities))
        raise AcmeError(
            [
                error(
                    "caa-forbids",
                    f"CAA records at {found.at}",
                    f"{reason}; the authority issues as {known} (caaIdentities of its directory).",
                    f"Have one there with the tag issue name {known}, or choose another authority by "
                    f"{self._directory_setting}.",
                )
            ]
        )

    def _look_up(self, name: str) -> Sequence[caa.Property]:
        own = self._own(name)
        if own is not None:
            return own
        try:
            answer = _resolver(self._resolvers).resolve(
                f"{name}.", dns.rdatatype.CAA, raise_on_no_answer=False, lifetime=_TIMEOUT_S
            )
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError) as why:
            log.info("CAA records at %s could not be looked up: %s", name, why)
            raise caa.Unanswered from None
        return _properties(answer.rrset or ())

    def _own(self, name: str) -> Sequence[caa.Property] | None:
        """The records that the own name server has; None: it has no such zone, or an alias out of it."""
        host, port = self._name_server
        question = dns.message.make_query(f"{name}.", dns.rdatatype.CAA, flags=0)
        try:
            answer = dns.query.tcp(question, host, _TIMEOUT_S, port)
        except (dns.exception.DNSException, OSError):
            return None
        if answer.rcode() not in _ANSWERS or not answer.flags & dns.flags.AA:
            return None
        sets = [one for one in answer.answer if one.rdtype == dns.rdatatype.CAA]
        return None if answer.answer and not sets else _properties(one for found in sets for one in found)


def _resolver(written: Sequence[str]) -> dns.resolver.Resolver:
    """A resolver that asks those, or this machine's.

    Raises:
        dns.resolver.NoResolverConfiguration: this machine has none.
    """
    made = dns.resolver.Resolver(configure=not written)
    if written:
        parts = [one.partition(":") for one in written]
        made.nameservers = [Do53Nameserver(address, int(port or 53)) for address, _, port in parts]
    return made


def _properties(records: Iterable[Any]) -> tuple[caa.Property, ...]:
    return tuple(
        caa.Property(one.flags, one.tag.decode("ascii", "replace"), one.value.decode("ascii", "replace"))
        for one in records
    )
