"""The addresses that a localcloud may listen on: loopback, or this machine's own where that was asked for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from localcloud import binding
from localcloud.errors import StartError

_MOST_ADDRESSES = 4096
"""Of a network that is looked through, address by address, at a start."""


def check_host(host: str, told: str, *, public: bool, give: str) -> None:
    """Refuses an address that HTTPS, DNS and blobs cannot listen on.

    Args:
        told: the setting, as somebody wrote it.
        public: other machines may reach it.
        give: the setting that says so, as somebody would write it.

    Raises:
        StartError: it is none of this machine's, or other machines would reach it, which nobody asked for.
    """
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise StartError(
            f"{told} is not an IPv4 address: give one of this machine's; without it it is 127.0.0.1."
        ) from None
    if address.is_unspecified:
        raise StartError(
            f"{told} is every address of this machine, and none that callers could be told: name the "
            "one that they reach."
        )
    if not address.is_loopback:
        _require_public(told, public=public, give=give)
        _require_own(told, [host])


def check_scoring(written: str, told: str, *, public: bool, give: str) -> None:
    """Refuses a network whose addresses services cannot have.

    Raises:
        StartError: as above.
    """
    try:
        network = ipaddress.ip_network(written)
    except ValueError as error:
        raise StartError(f"{told} is no network: {error}.") from None
    if network.is_loopback and network.version == 4:
        return
    if network.version != 4:
        raise StartError(f"{told} is not IPv4: give a part of 127.0.0.0/8, or addresses of this machine.")
    _require_public(told, public=public, give=give)
    if network.num_addresses > _MOST_ADDRESSES:
        raise StartError(
            f"{told} has {network.num_addresses} addresses: of other than loopback it takes up to "
            f"{_MOST_ADDRESSES}, or one, where each service gets a port."
        )
    _require_own(told, map(str, network.hosts()))


def _require_public(told: str, *, public: bool, give: str) -> None:
    if not public:
        raise StartError(
            f"{told} is not loopback: other machines would reach it. Give {give}, too, if that is meant."
        )


def _require_own(told: str, addresses: Iterable[str]) -> None:
    for address in addresses:
        if not binding.has_address(address):
            raise StartError(f"{told}: {address} is no address of this machine; `ip address` lists them.")
