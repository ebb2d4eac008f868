"""Addresses of a name as given name servers tell them, not the system's."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from fpga.prediction_errors import DeadlineExceeded, NameNotFound

_DNS_PORT = 53


def literal_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that the text is, None for a name."""
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def resolve(name: str, name_servers: Sequence[str], timeout_s: float) -> list[str]:
    """The name's IPv4 addresses.

    Args:
        name_servers: `ADDRESS` or `ADDRESS:PORT` (`[ADDRESS]:PORT` for IPv6), asked in this order.
        timeout_s: how long all of it may take.

    Raises:
        NameNotFound: the name does not exist or has no A record, or the servers do not answer for it.
        DeadlineExceeded: no name server answered in time.
        ValueError: a name server is not an address.
    """
    import dns.exception
    import dns.name
    import dns.nameserver
    import dns.resolver

    servers: list[str | dns.nameserver.Nameserver] = []
    for text in name_servers:
        host, port = _host_and_port(text)
        servers.append(dns.nameserver.Do53Nameserver(host, port))
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = servers
    resolver.lifetime = timeout_s
    asked = ", ".join(name_servers)
    absolute = dns.name.from_text(name)  # from the root: the system's search list has no part in it
    try:
        answer = resolver.resolve(absolute, "A", search=False)
    except dns.resolver.NXDOMAIN:
        raise NameNotFound(f"The name {name} does not exist (NXDOMAIN from {asked}).") from None
    except dns.resolver.NoAnswer:
        raise NameNotFound(f"The name {name} exists, but has no A record (asked {asked}).") from None
    except dns.resolver.NoNameservers as error:
        codes = sorted({str(last[4]) for last in error.kwargs.get("errors", [])})
        raise NameNotFound(
            f"No name server answers for {name}: {asked} said {'; '.join(codes) or 'nothing'}. "
            "Is it a server of the name's zone?"
        ) from None
    except dns.exception.Timeout:
        raise DeadlineExceeded(f"The name server {asked} did not answer within {timeout_s:g} s.") from None
    return [record.to_text() for record in answer]


def _host_and_port(text: str) -> tuple[str, int]:
    if literal_address(text) is not None:
        return text.strip("[]"), _DNS_PORT
    host, _, port = text.rpartition(":")
    address = literal_address(host)
    if address is None or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ValueError(f"The name server '{text}' is not ADDRESS or ADDRESS:PORT.")
    return str(address), int(port)
