"""The hosts that packages are fetched from: which of a name's addresses localcloud connects to.

Whoever may register a model has localcloud call an address for them. Of this machine and its link, that would
tell which ports are open and what answers there, so these are called where a setting names them, and are
refused before anything is sent: a port that is open gets the same answer as one that is closed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from localcloud.modelmanagement.own_accounts import OwnAccounts
from localcloud.settings import PackageHost

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Route:
    """The way to a package's host.

    Attributes:
        addresses: those to connect to, resolved once: a name that resolves to others a moment later changes
            nothing. Empty: a proxy resolves it.
        is_named: whether a setting names it.
        port: the port to connect to in the place of the URL's; None: that.
    """

    addresses: tuple[str, ...]
    is_named: bool
    port: int | None = None


class PackageHosts:
    """The rule that says where packages may come from.

    Args:
        named: hosts of this machine and its link that may be called, and any that may be called over http.
        blob_service: localcloud's own as callers are told it, which may be called; None: there is none.
        near_blob_service: where this machine itself finds it, for no way may lead back through NAT;
            None: at the same place.
        own_accounts: the accounts whose blobs are there; None: they are known by their paths alone.
    """

    def __init__(
        self,
        named: Iterable[PackageHost] = (),
        blob_service: PackageHost | None = None,
        near_blob_service: PackageHost | None = None,
        own_accounts: OwnAccounts | None = None,
    ) -> None:
        own = [one for one in (blob_service, near_blob_service) if one is not None]
        self._named = (*named, *own)
        self._blob_service, self._near = blob_service, near_blob_service
        self._own_accounts = own_accounts

    def asked(self, url: str) -> str:
        """The address to ask for what is at `url`: that itself, but for a blob of an account that is here."""
        own = self._own_accounts.path_style(urlsplit(url)) if self._own_accounts is not None else None
        return url if own is None else urlunsplit(own)

    def route(self, url: SplitResult) -> Route | None:
        """The way to the host of an http or https URL; None: it is not for packages.

        Raises:
            OSError: the name does not resolve.
            UnicodeError: it is no name of a host.
        """
        host = (url.hostname or "").lower()
        port = url.port or _PORTS[url.scheme]
        if self._near is not None and PackageHost(host, port) == self._blob_service:
            return Route((self._near.host,), is_named=True, port=self._near.port)
        found = [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        addresses = tuple(dict.fromkeys(str(address) for address in found))
        named = tuple(address for address in addresses if self._is_named(host, address, port))
        if named:
            return Route(named, is_named=True)
        others = tuple(address for address in addresses if not is_near(address))
        return Route(others, is_named=False) if others else None

    def _is_named(self, host: str, address: str, port: int) -> bool:
        return any(
            one.host in (host, str(_plain(address))) and one.port in (None, port) for one in self._named
        )


def is_near(address: str) -> bool:
    """Tells an address of this machine, or of its link alone (169.254.169.254 is one), from all others."""
    plain = _plain(address)
    return (
        plain.is_loopback
        or plain.is_unspecified
        or plain.is_link_local
        or plain.is_multicast
        or plain in _THIS_NETWORK
        or _is_of_this_machine(str(plain))
    )


_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address without its zone; of one of IPv4 that is written as one of IPv6, the one of IPv4."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    return getattr(plain, "ipv4_mapped", None) or plain


def _is_of_this_machine(address: str) -> bool:
    """Tells an address that an interface of this machine has: packets to it would come from it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))  # of a datagram's socket: nothing is sent
            return bool(_plain(probe.getsockname()[0]) == _plain(address))
    except OSError:  # no way leads there
        return False
