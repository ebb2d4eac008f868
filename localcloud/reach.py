"""The addresses that a localcloud may listen on: loopback, or this machine's own where that was asked for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from localcloud import binding
from localcloud.errors import StartError

_MOST_ADDRESSES = 4096
"""Of a network that is looked through, address by address, at a start."""


def check_host(host: str, *, public: bool) -> None:
    """Refuses an address that HTTPS, DNS and blobs cannot listen on.

    Args:
        public: other machines may reach it.

    Raises:
        StartError: it is none of this machine's, or other machines would reach it, which nobody asked for.
    """
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise StartError(
            f"--host {host} is not an IPv4 address: give one of this machine's; without it it is 127.0.0.1."
        ) from None
    if address.is_unspecified:
        raise StartError(
            f"--host {host} is every address of this machine, and none that callers could be told: name the "
            "one that they reach."
        )
    if not address.is_loopback:
        _require_public(f"--host {host}", public=public)
        _require_own(f"--host {host}", [host])


def check_scoring(written: str, *, public: bool) -> None:
    """Refuses a network whose addresses services cannot have.

    Raises:
        StartError: as above.
    """
    try:
        network = ipaddress.ip_network(written)
    except ValueError as error:
        raise StartError(f"--scoring-network {written} is no network: {error}.") from None
    if network.is_loopback and network.version == 4:
        return
    option = f"--scoring-network {network}"
    if network.version != 4:
        raise StartError(f"{option} is not IPv4: give a part of 127.0.0.0/8, or addresses of this machine.")
    _require_public(option, public=public)
    if network.num_addresses > _MOST_ADDRESSES:
        raise StartError(
            f"{option} has {network.num_addresses} addresses: of other than loopback it takes up to "
            f"{_MOST_ADDRESSES}, or one, where each service gets a port."
        )
    _require_own(option, map(str, network.hosts()))


def _require_public(option: str, *, public: bool) -> None:
    if not public:
        raise StartError(
            f"{option} is not loopback: other machines would reach it. Give --public, too, if that is meant."
        )


def _require_own(option: str, addresses: Iterable[str]) -> None:
    for address in addresses:
        if not binding.has_address(address):
            raise StartError(f"{option}: {address} is no address of this machine; `ip address` lists them.")
