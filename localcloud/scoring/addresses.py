"""Addresses at which services can answer: one each of a network, on one port.

Where a machine has one loopback address only (macOS, Windows), or one address that other machines reach is
given, each service gets a port of its own instead.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from typing import Final, NamedTuple

from localcloud import binding
from localcloud.scoring.errors import BindError

_FALLBACK_ADDRESS: Final = "127.0.0.1"
# Below the ranges that systems hand out for outgoing connections (Linux from 32768, macOS from 49152).
_FALLBACK_PORTS: Final = range(20000, 30000)


class Endpoint(NamedTuple):
    """An IP address and TCP port."""

    address: str
    port: int


class AddressPool:
    """The endpoints that services can have, numbered from 0 to `size` - 1.

    Args:
        network: part of 127.0.0.0/8, e.g. `127.80.0.0/16`, or other addresses of this machine.
        port: the port of every service where each has an address of its own; with one address that is not
            loopback the first port.
    """

    def __init__(self, network: str, port: int) -> None:
        self._network = ipaddress.IPv4Network(network)
        self._port = port
        self._shared = _FALLBACK_ADDRESS, _FALLBACK_PORTS
        if self._network.num_addresses == 1 and not self._network.is_loopback:
            self._shared = str(self._network[0]), range(port, min(port + len(_FALLBACK_PORTS), 65536))
            self.own_addresses, self.size = False, len(self._shared[1])
            return
        # Without the network's own first and last address, where there are others.
        self._first, hosts = (1, self._network.num_addresses - 2) if self._network.prefixlen < 31 else (0, 1)
        self.own_addresses = binding.has_address(str(self._network[self._first]))
        self.size = hosts if self.own_addresses else len(_FALLBACK_PORTS)

    @property
    def first(self) -> Endpoint:
        """The endpoint of number 0."""
        return self._endpoint(0)

    def choose(self, taken: Collection[tuple[str, int]], start: int) -> tuple[Endpoint, int]:
        """The first free endpoint from number `start` on, and the number to start from the next time.

        Going on from the last one, and round, means that a freed endpoint is not handed out again at once.

        Args:
            taken: endpoints of other services, also of those that do not run.
            start: any number; taken modulo `size`.

        Raises:
            BindError: none is free, or none may be bound.
        """
        used = {Endpoint(*endpoint) for endpoint in taken}
        for number in range(start, start + self.size):
            endpoint = self._endpoint(number % self.size)
            if endpoint in used:
                continue
            error = _bind_error(endpoint)
            if error is None:
                return endpoint, (number + 1) % self.size
            if not binding.is_taken(error):
                raise BindError(
                    f"Port {endpoint.port} on {endpoint.address} {binding.reason(error, *endpoint)}."
                )
        where = f"address of {self._network}" if self.own_addresses else f"port of {self._shared[0]}"
        raise BindError(f"No {where} is free for a service: all {self.size} are taken.")

    def _endpoint(self, number: int) -> Endpoint:
        if self.own_addresses:
            return Endpoint(str(self._network[self._first + number]), self._port)
        address, ports = self._shared
        return Endpoint(address, ports[number])


def bind_problem(endpoint: Endpoint) -> str | None:
    """The reason why no server can listen there now, in words; None: one can."""
    error = _bind_error(endpoint)
    if error is None:
        return None
    if binding.is_taken(error):
        return error.strerror
    return f"it {binding.reason(error, *endpoint)}"


def _bind_error(endpoint: Endpoint) -> OSError | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As gRPC binds: connections that are closing must not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(endpoint)
            probe.listen(1)
        except OSError as error:
            return error
    return None
