"""Addresses of names: as the system tells them, or as given name servers do.

Importing this costs nothing: dnspython comes with the first question.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clients.prediction.errors import DeadlineExceeded, NameNotFound
from surroundings import digits

if TYPE_CHECKING:
    import dns.resolver

_DNS_PORT = 53
_PATIENCE_S = 5.0


def literal_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that the text is, None for a name."""
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def host_and_port(name_server: str) -> tuple[str, int]:
    """Address and port of `ADDRESS` or `ADDRESS:PORT` (`[ADDRESS]:PORT` for IPv6).

    Raises:
        ValueError: it is neither.
    """
    if literal_address(name_server) is not None:
        return name_server.strip("[]"), _DNS_PORT
    host, _, port = name_server.rpartition(":")
    address = literal_address(host)
    number = digits.whole(port, 65535)
    if address is None or not number:
        raise ValueError(f"The name server '{name_server}' is not ADDRESS or ADDRESS:PORT.")
    return str(address), number


def addresses_of(name: str) -> list[str]:
    """The name's addresses as the system tells them; the name itself where it tells none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return [name]
    return [str(address[0]) for *_, address in found]


def resolve(name: str, name_servers: Sequence[str], timeout_s: float) -> list[str]:
    """The name's IPv4 addresses.

    Args:
        name_servers: as `host_and_port` takes them, asked in this order.
        timeout_s: how long all of it may take; five seconds are enough for any server that answers.

    Raises:
        NameNotFound: the name does not exist or has no A record, or the servers do not answer for it.
        DeadlineExceeded: no name server answered in time.
    """
    import dns.exception
    import dns.name
    import dns.resolver

    resolver = resolver_of(name_servers)
    resolver.lifetime = min(timeout_s, _PATIENCE_S)
    asked = ", ".join(name_servers)
    absolute = dns.name.from_text(name)  # from the root: the system's search list has no part in it
    try:
        answer = resolver.resolve(absolute, "A", search=False)
    except dns.resolver.NXDOMAIN:
        raise NameNotFound(f"The name {name} does not exist (NXDOMAIN from {asked}).") from None
    except dns.resolver.NoAnswer:
        raise NameNotFound(f"The name {name} exists, but has no A record (asked {asked}).") from None
    except dns.resolver.NoNameservers as error:
        raise NameNotFound(
            f"No name server answers for {name}: {asked} said {_refusals(error)}. "
            "Is it a server of the name's zone?"
        ) from None
    except dns.exception.Timeout:
        raise DeadlineExceeded(
            f"The name server {asked} did not answer within {resolver.lifetime:g} s."
        ) from None
    return [record.to_text() for record in answer]


def resolver_of(name_servers: Sequence[str]) -> dns.resolver.Resolver:
    """A resolver that asks these servers, as `host_and_port` takes them; without any, the system's.

    Raises:
        dns.resolver.NoResolverConfiguration: the system names none.
    """
    import dns.nameserver
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=not name_servers)
    if name_servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*host_and_port(one)) for one in name_servers]
    return resolver


def _refusals(error: dns.resolver.NoNameservers) -> str:
    """The servers' answers instead: response codes, or why none could be read."""
    import dns.rcode

    told: list[str] = []
    for _, _, _, failure, response in error.kwargs.get("errors", []):
        told.append(dns.rcode.to_text(response.rcode()) if response is not None else str(failure))
    return ", ".join(dict.fromkeys(told)) or "nothing"
