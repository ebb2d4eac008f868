"""Addresses at which services can answer: one each of a pool, on one port; and those that callers are told.

Where a machine has one loopback address only (macOS, Windows), or one address that other machines reach is
given, each service gets a port of its own instead.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from typing import Final, NamedTuple

from localcloud import binding
from localcloud.network.listeners import MOST_PORTS, is_loopback, is_shared
from localcloud.network.ranges import Addresses
from localcloud.scoring.errors import BindError
from localcloud.settings import Settings

_FALLBACK_ADDRESS: Final = "127.0.0.1"
# Below the ranges that systems hand out for outgoing connections (Linux from 32768, macOS from 49152).
_FALLBACK_PORTS: Final = range(20000, 30000)
_LAST_PORT: Final = 65535


class Endpoint(NamedTuple):
    """An IP address and TCP port."""

    address: str
    port: int

    @property
    def target(self) -> str:
        """The endpoint as gRPC writes it."""
        return f"{self.address}:{self.port}"


class UnixSocket(NamedTuple):
    """A socket in the file system, at which this machine alone connects: who may open its folder."""

    path: str

    @property
    def target(self) -> str:
        """The socket as gRPC writes it."""
        return f"unix:{self.path}"


class AddressPool:
    """The endpoints that services can have, numbered from 0 to `size` - 1.

    Args:
        written: addresses as `network.ranges` reads them: of 127.0.0.0/8, or others of this machine.
        port: the port of every service where each has an address of its own; else the first port.
        last_port: the last port of one address that services share; 0: as many as there are, up to 10000.
        public: services may have addresses that other machines reach.
        told: the addresses that callers are told instead, as many, or one; None: the pool's own.
        told_port: the port, or the first one, that callers are told instead; 0: the pool's own.
        http_port: the port, or the first one, at which services answer HTTP; 0: they do not.
        told_http_port: the port, or the first one, for HTTP that callers are told instead; 0: `http_port`.
        begins: whether the first endpoint is the first to be handed out: services share one where they can.
    """

    def __init__(
        self,
        written: str,
        port: int,
        last_port: int = 0,
        *,
        public: bool = False,
        told: str | None = None,
        told_port: int = 0,
        http_port: int = 0,
        told_http_port: int = 0,
        begins: bool = False,
    ) -> None:
        self.begins = begins
        self._written, self._addresses, self._port = written, Addresses(written), port
        self._public = public
        self._shared = _FALLBACK_ADDRESS, _FALLBACK_PORTS
        if is_shared(self._addresses, last_port):
            end = min(port + MOST_PORTS - 1, last_port or 65535, 65535)
            self._shared = self._addresses[0], range(port, end + 1)
            self.own_addresses, self.size = False, len(self._shared[1])
        else:
            self.own_addresses = binding.has_address(self._addresses[0])
            self.size = len(self._addresses) if self.own_addresses else len(_FALLBACK_PORTS)
        self._told = None if told is None else Addresses(told)
        self._told_port = told_port or self.first.port
        self._http_port = http_port
        self._told_http_port = told_http_port or http_port

    @classmethod
    def of(cls, settings: Settings) -> AddressPool:
        """The pool that settings name."""
        return cls(
            settings.scoring_network,
            settings.scoring_port,
            settings.scoring_last_port,
            public=settings.public,
            told=settings.advertise_scoring,
            told_port=settings.advertise_scoring_port,
            http_port=settings.scoring_http_port if settings.edge is None else 0,
            told_http_port=settings.advertise_scoring_http_port,
            begins=settings.edge is not None,
        )

    @property
    def first(self) -> Endpoint:
        """The endpoint of number 0."""
        return self._endpoint(0)

    def told(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint that callers are told of a service: its own, unless NAT stands before it."""
        number = self.number(endpoint)
        if number is None:
            return endpoint  # nothing is known of a way to it
        apart = self._is_told_apart
        address = endpoint.address if self._told is None else self._told[number if apart else 0]
        return Endpoint(address, self._told_port if apart else self._told_port + number)

    def told_http_port(self, endpoint: Endpoint) -> int | None:
        """The port for HTTP at the address that callers are told of a service; None: it has none there."""
        if self.http_port(endpoint) is None:
            return None
        number = 0 if self._is_told_apart else self.number(endpoint) or 0
        ports = range(self._told_port, self._told_port + (1 if self._is_told_apart else self.size))
        port = self._told_http_port + number
        return port if port <= _LAST_PORT and port not in ports else None

    @property
    def _is_told_apart(self) -> bool:
        """Whether callers are told an address for each service, and the same port of each."""
        return self.own_addresses and (self._told is None or len(self._told) > 1)

    def number(self, endpoint: Endpoint) -> int | None:
        """The number of an endpoint; None: it is none of the pool's."""
        if self.own_addresses:
            return self._addresses.number(endpoint.address) if endpoint.port == self._port else None
        address, ports = self._shared
        return ports.index(endpoint.port) if endpoint.address == address and endpoint.port in ports else None

    def http_port(self, endpoint: Endpoint) -> int | None:
        """The port at which a service answers HTTP, beside its endpoint; None: it does not."""
        number = self.number(endpoint)
        if number is None or not self._http_port:
            return None
        port = self._http_port if self.own_addresses else self._http_port + number
        return port if port <= _LAST_PORT else None

    def stray(self, endpoint: Endpoint) -> str | None:
        """A sentence on an endpoint of before that is served and none of the pool's; None: it is one."""
        if self.number(endpoint) is not None or not self._is_allowed(endpoint):
            return None
        return (
            f"it stays at {endpoint.address}:{endpoint.port}, which is none of {self._written}, for callers "
            "know that address; delete it and deploy it anew to have it move."
        )

    def require_allowed(self, endpoint: Endpoint) -> None:
        """Refuses an endpoint of before that other machines would reach where that is not asked for any more.

        Raises:
            BindError: it is such a one.
        """
        if not self._is_allowed(endpoint):
            raise BindError(
                f"The service's address {endpoint.address} is not loopback, and localcloud was started "
                "without --public: start it with that, or delete the service and deploy it anew."
            )

    def _is_allowed(self, endpoint: Endpoint) -> bool:
        return self._public or is_loopback(endpoint.address)

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
        where = f"address of {self._written}" if self.own_addresses else f"port of {self._shared[0]}"
        raise BindError(f"No {where} is free for a service: all {self.size} are taken.")

    def _endpoint(self, number: int) -> Endpoint:
        if self.own_addresses:
            return Endpoint(self._addresses[number], self._port)
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
