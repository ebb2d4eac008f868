"""The listeners of a localcloud: where each one listens, and where callers are told to find it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localcloud.blob import names as blob_names
from localcloud.network.ranges import Addresses
from localcloud.status import ListenerStatus

if TYPE_CHECKING:
    from localcloud.ports import Ports
    from localcloud.settings import Settings

EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104
NAMES: Final = ("https", "dns", "blob")
METRICS_HOST: Final = "127.0.0.1"
"""Where metrics are served, if somebody asks for them and says no more."""
MOST_PORTS: Final = 10_000
"""Of one address that services share."""
_ASKS: Final = {
    "https": ("HTTPS APIs", "a token, but for discovery, sign-in and /health"),
    "dns": ("DNS server", "nothing"),
    "blob": ("blob service", "an account's key or a signature, but for public containers"),
    "services": ("services", "a service's key with SSL, else nothing"),
    "http": ("services over HTTP", "a service's key with SSL, else nothing"),
    "metrics": ("metrics", "nothing on loopback, else a reader's token"),
}


@dataclass(frozen=True)
class Listener:
    """A listener, as the settings have it.

    Attributes:
        name: `https`, `dns` or `blob`.
        host_field, port_field: the settings that its address and port are from.
        host: IPv4 address that it listens on.
        port: its port; 0: one that is chosen.
        told_host_field: the setting that `told_host` is from.
        told_host: address or DNS name that callers are told; None: `host`.
        told_port: port that callers are told; 0: the one that it listens on.
    """

    name: str
    host_field: str
    port_field: str
    host: str
    port: int
    told_host_field: str
    told_host: str | None
    told_port: int


def of(settings: Settings) -> tuple[Listener, ...]:
    """The listeners of HTTPS, DNS and blobs, in this order."""
    return tuple(_listener(settings, name) for name in NAMES)


def own_names(settings: Settings) -> tuple[str, ...]:
    """The addresses and DNS names by which HTTPS is called, and that its certificate has to have."""
    found = [settings.name]
    for one in of(settings):
        if one.name != "dns":
            found += [one.told_host, None if one.host == EVERY_ADDRESS else one.host]
    if settings.metrics_port is not None and settings.metrics_host != EVERY_ADDRESS:
        found.append(None if is_loopback(settings.metrics_host) else settings.metrics_host)
    if settings.has_blob_storage:
        found += blob_names.hosts("*", blob_suffixes(settings))
    return tuple(dict.fromkeys(one for one in found if one is not None))


def blob_suffixes(settings: Settings) -> tuple[str, ...]:
    """The suffixes of storage accounts' names, `ACCOUNT.blob.SUFFIX`; the first one is told to callers."""
    told = next(one.told_host for one in of(settings) if one.name == "blob")
    return blob_names.suffixes(settings.name, told)


def server_name(settings: Settings) -> str | None:
    """The DNS name by which delegations name the DNS server; None: it has none."""
    told = next(one.told_host for one in of(settings) if one.name == "dns")
    if told is not None and not told.replace(".", "").isdigit():
        return told
    return settings.name


def statuses(settings: Settings, ports: Ports) -> tuple[ListenerStatus, ...]:
    """The listeners as they are told to who looks: what is reachable from where, and what each asks for."""
    own = {
        "https": (f"{ports.host}:{ports.https}", ports.base_urls[0].removeprefix("https://")),
        "dns": (f"{ports.dns_host}:{ports.dns}", ports.name_server),
        "blob": (f"{ports.blob_host}:{ports.blob}", ports.blob_place),
    }
    found = [
        _status(name, [listens.rpartition(":")[0]], listens, told)
        for name, (listens, told) in own.items()
        if name != "blob" or settings.has_blob_storage
    ]
    pool = Addresses(settings.scoring_network)
    outer = settings.advertise_scoring or settings.scoring_network
    number, told_number = scoring_ports(settings, pool, Addresses(outer))
    for name, port, told_port in (
        ("services", settings.scoring_port, settings.advertise_scoring_port),
        ("http", settings.scoring_http_port, settings.advertise_scoring_http_port),
    ):
        if port and (name == "services" or settings.edge is None):
            listens = f"{settings.scoring_network}:{_written(port, number)}"
            told = f"{outer}:{_written(told_port or port, told_number)}"
            found.append(_status(name, pool.ends, listens, told))
    if settings.metrics_port is not None:
        listens = f"{settings.metrics_host}:{settings.metrics_port}"
        found.append(_status("metrics", [settings.metrics_host], listens, listens))
    return tuple(found)


def scoring_ports(settings: Settings, pool: Addresses, outer: Addresses) -> tuple[int, int]:
    """The number of ports of one address that services get, and of one outer address that is told."""
    if is_shared(pool, settings.scoring_last_port):
        last = settings.scoring_last_port or settings.scoring_port + MOST_PORTS - 1
        shared = min(last, 65535) - settings.scoring_port + 1
        return shared, shared
    return 1, len(pool) if len(outer) == 1 else 1


def _written(port: int, number: int) -> str:
    """So many ports from one on."""
    return str(port) if number == 1 else f"{port}-{min(port + number - 1, 65535)}"


def _status(name: str, hosts: Sequence[str], listens: str, told: str) -> ListenerStatus:
    label, asks = _ASKS[name]
    reach = "this machine" if all(is_loopback(host) for host in hosts) else "other machines"
    return ListenerStatus(label, listens, reach, asks, None if told == listens else told)


def overlap(one: str, other: str) -> bool:
    """Whether a port of one address is a port of the other, too."""
    return one == other or EVERY_ADDRESS in (one, other)


def is_shared(pool: Addresses, last_port: int) -> bool:
    """Whether services share one address, each with a port of its own."""
    return len(pool) == 1 and (bool(last_port) or not pool.is_loopback)


def is_loopback(host: str) -> bool:
    """Whether an address is one that no other machine reaches."""
    return ipaddress.IPv4Address(host).is_loopback


def near(host: str) -> str:
    """The address at which this machine itself finds what listens on `host`."""
    return "127.0.0.1" if host == EVERY_ADDRESS else host


def _listener(settings: Settings, name: str) -> Listener:
    host_field = f"{name}_host" if getattr(settings, f"{name}_host") is not None else "host"
    told_field = next(_told_fields(settings, name), "advertise_host")
    told_host = getattr(settings, told_field)
    if told_host is None and name != "dns" and settings.name and settings.certificate_source != "own":
        told_host = settings.name.lower()  # a certificate of another's issue may be for it alone
    return Listener(
        name=name,
        host_field=host_field,
        port_field=f"{name}_port",
        host=getattr(settings, host_field),
        port=getattr(settings, f"{name}_port"),
        told_host_field=told_field,
        told_host=told_host,
        told_port=getattr(settings, f"advertise_{name}_port"),
    )


def _told_fields(settings: Settings, name: str) -> Iterator[str]:
    for field in (f"advertise_{name}_host", "advertise_host"):
        if getattr(settings, field, None) is not None:
            yield field
