"""IPv4 addresses written as networks, as ranges `FIRST-LAST`, one by one, or as a list of these."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import pairwise
from typing import Final

from localcloud.configuration.table import Unfit

LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")
_REMEDY: Final = "give a network, FIRST-LAST, an address, or a list of these"


class Addresses:
    """Addresses in the order in which they are written, numbered from 0.

    Of a network with more than two addresses, the first and the last are left out: they are the network's.

    Args:
        written: the parts, with commas between them.

    Raises:
        Unfit: a part is none, or has an address that another one has.
    """

    def __init__(self, written: str) -> None:
        self._parts = [_part(one.strip()) for one in written.split(",")]
        ordered = sorted(self._parts)
        for (_, end), (start, _) in pairwise(ordered):
            if start <= end:
                raise Unfit(f"names {IPv4Address(start)} twice: write each address once")
        self._size = sum(end - start + 1 for start, end in self._parts)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        for start, end in self._parts:
            for number in range(start, end + 1):
                yield str(IPv4Address(number))

    def __getitem__(self, number: int) -> str:
        for start, end in self._parts:
            if number <= end - start:
                return str(IPv4Address(start + number))
            number -= end - start + 1
        raise IndexError(number)

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last of them."""
        return self[0], self[self._size - 1]

    @property
    def is_loopback(self) -> bool:
        """Whether each of them is of 127.0.0.0/8."""
        first, last = int(LOOPBACK[0]), int(LOOPBACK[-1])
        return all(first <= start and end <= last for start, end in self._parts)

    def number(self, address: str) -> int | None:
        """The number of an address; None: it is none of them."""
        value, before = int(IPv4Address(address)), 0
        for start, end in self._parts:
            if start <= value <= end:
                return before + value - start
            before += end - start + 1
        return None


def _part(written: str) -> tuple[int, int]:
    """The first and the last address of a part."""
    first, dash, last = written.partition("-")
    try:
        if dash:
            return _range(_address(first.strip()), _address(last.strip()))
        network = ipaddress.ip_network(written)
    except Unfit:
        raise
    except ipaddress.AddressValueError as error:
        raise Unfit(f"names no addresses: {error}; {_REMEDY}") from None
    except ValueError as error:
        raise Unfit(f"is no network: {error}; {_REMEDY}") from None
    if not isinstance(network, ipaddress.IPv4Network):
        raise Unfit("is not IPv4: give a part of 127.0.0.0/8, or addresses of this machine")
    edge = 1 if network.prefixlen < 31 else 0
    return int(network[edge]), int(network[-1 - edge])


def _range(first: IPv4Address, last: IPv4Address) -> tuple[int, int]:
    if first > last:
        raise Unfit(f"goes from {first} back to {last}: write the lower one first")
    return int(first), int(last)


def _address(written: str) -> IPv4Address:
    if ":" in written:
        raise Unfit("is not IPv4: give a part of 127.0.0.0/8, or addresses of this machine")
    return IPv4Address(written)
