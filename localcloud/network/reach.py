"""Checks of the addresses that a localcloud may listen on: loopback, or this machine's own where that was
asked for, each with its ports apart from the others'.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from localcloud import binding
from localcloud.configuration.table import Unfit
from localcloud.network import listeners
from localcloud.network.listeners import EVERY_ADDRESS, MOST_PORTS, Listener, is_shared
from localcloud.network.ranges import Addresses

if TYPE_CHECKING:
    from localcloud.settings import Settings

_MOST_ADDRESSES = 4096
"""Of a pool that is looked through, address by address, at a start."""


def problems(settings: Settings) -> Iterator[str]:
    """What is wrong with the addresses and ports, a sentence each with the setting as somebody wrote it."""
    found = listeners.of(settings)
    each = [
        *(
            problem
            for field in dict.fromkeys(one.host_field for one in found)
            for problem in _host(settings, field, [one for one in found if one.host_field == field])
        ),
        *_scoring(settings),
        *_metrics(settings),
    ]
    yield from each or _collisions(settings, found)


def _host(settings: Settings, field: str, on_it: list[Listener]) -> Iterator[str]:
    host, told = getattr(settings, field), settings.written(field)
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        yield (
            f"{told} is not an IPv4 address, and localcloud listens on IPv4 alone: give one of this "
            "machine's; without it it is 127.0.0.1."
        )
        return
    public, advertise = settings.named("public"), settings.named("advertise_host")
    if address.is_unspecified:
        if not settings.public:
            yield (
                f"{told} is every address of this machine: name the one that callers reach, or give {public} "
                f"and {advertise}, too, if every one is meant."
            )
        elif any(one.told_host is None for one in on_it):
            yield (
                f"{told} is every address of this machine, and none that callers could be told: name the one "
                f"that they reach, or tell it with {advertise}."
            )
    elif not address.is_loopback:
        if not settings.public:
            yield _not_public(told, public)
        else:
            yield from _not_own(told, [host])


def _metrics(settings: Settings) -> Iterator[str]:
    if settings.metrics_port is not None:
        yield from _host(settings, "metrics_host", [])
    elif settings.metrics_host != listeners.METRICS_HOST:
        told, port = settings.written("metrics_host"), settings.named("metrics_port")
        yield f"{told} is where nothing would listen: give {port}, too."


def _scoring(settings: Settings) -> Iterator[str]:
    told = settings.written("scoring_network")
    try:
        pool = Addresses(settings.scoring_network)
    except Unfit as error:
        yield f"{told} {error}."
        return
    shared = is_shared(pool, settings.scoring_last_port)
    if settings.scoring_last_port:
        last = settings.written("scoring_last_port")
        if len(pool) > 1:
            yield f"{last} is for one address, where each service gets a port: leave it out, or name one."
        elif settings.scoring_last_port < settings.scoring_port:
            yield f"{last} is below the first port, {settings.scoring_port}: give a higher one."
        elif settings.scoring_last_port - settings.scoring_port >= MOST_PORTS:
            yield f"{last} makes more than {MOST_PORTS} ports: give a lower one."
    if EVERY_ADDRESS in pool.ends and (settings.edge is None or len(pool) > 1):
        yield (
            f"{told} is every address of this machine, of IPv6, too: name the one that callers reach, or "
            "that the NAT before it leads to."
        )
    elif EVERY_ADDRESS in pool.ends:  # where an edge listens, of IPv4 alone
        public, advertise = settings.named("public"), settings.named("advertise_scoring")
        if not settings.public or settings.advertise_scoring is None:
            yield (
                f"{told} is every address of this machine: name the one that callers reach, or give {public} "
                f"and {advertise}, too, which tells it to them."
            )
    elif not pool.is_loopback:
        if not settings.public:
            yield _not_public(told, settings.named("public"))
        elif len(pool) > _MOST_ADDRESSES:
            yield (
                f"{told} has {len(pool)} addresses: of other than loopback it takes up to {_MOST_ADDRESSES}, "
                "or one, where each service gets a port."
            )
        else:
            yield from _not_own(told, pool)
    yield from _advertised_scoring(settings, pool, shared=shared)


def _advertised_scoring(settings: Settings, pool: Addresses, *, shared: bool) -> Iterator[str]:
    if settings.advertise_scoring_http_port and not settings.scoring_http_port:
        told, http = settings.written("advertise_scoring_http_port"), settings.named("scoring_http_port")
        yield f"{told} is told of what answers nowhere: give {http} a port, or leave both out."
    if settings.advertise_scoring is None:
        return
    told = settings.written("advertise_scoring")
    try:
        outer = Addresses(settings.advertise_scoring)
    except Unfit as error:
        yield f"{told} {error}."
        return
    if len(outer) not in (1, len(pool)):
        network = settings.named("scoring_network")
        yield (
            f"{told} has {len(outer)} addresses, and {network} has {len(pool)}: give as many, or one, where "
            "each service gets a port."
        )
    first = settings.advertise_scoring_port or settings.scoring_port
    for port in (first, settings.advertise_scoring_http_port):
        if len(outer) == 1 and not shared and port + len(pool) - 1 > 65535:
            yield (
                f"{told} has too few ports for {len(pool)} services from {port} on: give as many addresses, "
                f"or a smaller {settings.named('scoring_network')}."
            )


def _told_over_http(settings: Settings, pool: Addresses, told: Iterable[_Taken]) -> Iterator[str]:
    """The ports for HTTP that callers would be told for something else, too."""
    written, http = settings.written("advertise_scoring_http_port"), settings.advertise_scoring_http_port
    outer = pool if settings.advertise_scoring is None else Addresses(settings.advertise_scoring)
    _, number = listeners.scoring_ports(settings, pool, outer)
    if abs(http - (settings.advertise_scoring_port or settings.scoring_port)) < number:
        yield f"{written} tells callers ports of {settings.named('advertise_scoring_port')} again: change it."
    for one in told:
        is_on_it = set(one.host) <= set("0123456789.") and outer.number(one.host) is not None
        if is_on_it and one.port in range(http, http + number):
            yield f"{written} tells callers the port that {settings.named(one.field)} has: change it."


def _over_http(settings: Settings, taken: Iterable[_Taken], pool: Addresses, scoring: range) -> Iterator[str]:
    """The ports for HTTP that are others' already; the default gives way to any of them."""
    written = settings.written("scoring_http_port")
    ports = range(settings.scoring_http_port, settings.scoring_http_port + len(scoring))
    if ports.start < scoring.stop and scoring.start < ports.stop:
        yield f"{written} gives services ports of {settings.named('scoring_port')} again: change it."
    for one in taken:
        on_pool = one.host == EVERY_ADDRESS or pool.number(one.host) is not None
        if on_pool and one.port in ports:
            yield f"{written} gives services the port that {settings.written(one.field)} has: change it."


class _Taken(NamedTuple):
    """A port of an address that a setting has taken."""

    field: str
    host: str
    port: int


def _collisions(settings: Settings, found: Iterable[Listener]) -> Iterator[str]:
    """The listeners that somebody gave the same port of one address."""
    taken = [_Taken(one.port_field, one.host, one.port) for one in found if one.port]
    if settings.metrics_port is not None:
        taken.append(_Taken("metrics_port", settings.metrics_host, settings.metrics_port))
    pool = Addresses(settings.scoring_network)
    last = settings.scoring_last_port if is_shared(pool, settings.scoring_last_port) else 0
    scoring = range(settings.scoring_port, max(last, settings.scoring_port) + 1)
    for one in taken:
        on_pool = one.host == EVERY_ADDRESS or pool.number(one.host) is not None
        if on_pool and one.port in scoring:
            yield (
                f"{settings.written(one.field)} is a port that services get on that address: change it, or "
                f"{settings.named('scoring_port')}."
            )
    if settings.scoring_http_port not in (0, type(settings).scoring_http_port):
        yield from _over_http(settings, taken, pool, scoring)
    for one, other in combinations(taken, 2):
        if one.port == other.port and listeners.overlap(one.host, other.host):
            yield (
                f"{settings.written(one.field)} and {settings.written(other.field)} are one port of one "
                "address: give two."
            )
    outer = [
        _Taken(f"advertise_{one.name}_port", one.told_host or one.host, port)
        for one in found
        if (one.told_host or one.told_port) and (port := one.told_port or one.port)
    ]
    if settings.advertise_scoring_http_port:
        yield from _told_over_http(settings, pool, outer)
    for one, other in combinations(outer, 2):
        if (one.host, one.port) == (other.host, other.port):
            yield (
                f"Callers would be told {one.host}:{one.port} for two listeners: change "
                f"{settings.named(one.field)} or {settings.named(other.field)}."
            )


def _not_public(told: str, public: str) -> str:
    return f"{told} is not loopback: other machines would reach it. Give {public}, too, if that is meant."


def _not_own(told: str, addresses: Iterable[str]) -> Iterator[str]:
    """The first one that is none of this machine's."""
    for address in addresses:
        if not binding.has_address(address):
            yield f"{told}: {address} is no address of this machine; `ip address` lists them."
            return
