"""The ports of a localcloud: chosen once, outside the range that the system hands out, and kept."""

from __future__ import annotations

import errno
import ipaddress
import json
import random
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path

from localcloud import binding, waiting
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.network import listeners
from localcloud.settings import Settings
from surroundings import json_text

FREE_RANGE = range(20000, 30000)
PORTS_FILE = "ports.json"
RELEASE_TIMEOUT_S = 3.0
"""How long a port that was ours may stay taken: after a kill, the blob service ends a moment later."""


@dataclass(frozen=True)
class Ports:
    """The addresses and ports of a localcloud; `blob` is kept even where there is no blob storage.

    Attributes:
        host: IPv4 address that the HTTPS APIs listen on.
        name: DNS name by which callers reach them, too.
        dns_host, blob_host: addresses of the other two; empty: `host`.
        told: `HOST:PORT` that callers are told of a listener, where that is not its own.
    """

    host: str
    https: int
    dns: int
    blob: int
    has_blob_storage: bool
    name: str | None = None
    dns_host: str = ""
    blob_host: str = ""
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Addresses of the HTTPS APIs, the preferred one first."""
        told = self._told("https", self.host, self.https)
        host = listeners.near(self.host)
        hosts = ("127.0.0.1", "localhost") if host == "127.0.0.1" else (host,)
        found = [told, *(f"{host}:{self.https}" for host in hosts)]
        if self.name is not None:
            name = self.name.lower()
            found += [f"{name}:{told.rpartition(':')[2]}", f"{name}:{self.https}"]
        return tuple(f"https://{one}" for one in dict.fromkeys(found))

    @property
    def near_host(self) -> str:
        """The address at which this machine itself finds the HTTPS APIs."""
        return listeners.near(self.host)

    @property
    def name_server(self) -> str:
        """Address of the DNS server, as `HOST:PORT`."""
        return self._told("dns", self.dns_host or self.host, self.dns)

    @property
    def blob_url(self) -> str | None:
        """Address of the blob service, if there is one."""
        return f"https://{self.blob_place}" if self.has_blob_storage else None

    @property
    def blob_place(self) -> str:
        """Address of the blob service, as `HOST:PORT`."""
        return self._told("blob", self.blob_host or self.host, self.blob)

    @property
    def near_blob_host(self) -> str:
        """The address at which this machine itself finds the blob service."""
        return listeners.near(self.blob_host or self.host)

    def _told(self, name: str, host: str, port: int) -> str:
        return self.told.get(name, f"{host}:{port}")


def resolve(settings: Settings) -> Ports:
    """The ports to listen on: the given ones, else those of the last start, else free ones.

    Raises:
        StartError: a given or kept port cannot be bound; the message names it and the setting.
    """
    kept = read(settings.data)
    found = {one.name: one for one in listeners.of(settings)}
    reserved = {one.port for one in found.values()} | set(_services(settings))
    if settings.metrics_port is not None:
        _wait_until_free(settings.metrics_host, settings.metrics_port, "metrics", settings)
        reserved.add(settings.metrics_port)
    chosen: dict[str, int] = {}
    for name, one in found.items():
        wanted = one.port or (getattr(kept, name) if kept else 0)
        if wanted:
            _wait_until_free(one.host, wanted, name, settings)
        chosen[name] = wanted or _free(one.host, set(chosen.values()) | reserved)
    for one, other in combinations(found.values(), 2):
        if chosen[one.name] == chosen[other.name] and listeners.overlap(one.host, other.host):
            raise StartError(
                f"The ports must differ: {chosen}. Change {settings.named(one.port_field)} or "
                f"{settings.named(other.port_field)}."
            )
    told = {
        name: f"{one.told_host or one.host}:{one.told_port or chosen[name]}"
        for name, one in found.items()
        if one.told_host or one.told_port
    }
    hosts = {name: one.host for name, one in found.items()}
    return Ports(
        hosts["https"],
        **chosen,
        has_blob_storage=settings.has_blob_storage,
        name=settings.name,
        dns_host=hosts["dns"],
        blob_host=hosts["blob"],
        told=told,
    )


def _services(settings: Settings) -> range:
    """The ports of services that share an address, where somebody has said which."""
    return range(settings.scoring_port, settings.scoring_last_port + 1)


def read(data: Path) -> Ports | None:
    """The ports of the last start, if there was one.

    Raises:
        StartError: the file is damaged.
    """
    path = data / PORTS_FILE
    try:
        kept = json_text.loads(path.read_bytes())
        return Ports(
            host=_kept_host(kept["host"]),
            https=_kept_port(kept["https"]),
            dns=_kept_port(kept["dns"]),
            blob=_kept_port(kept["blob"]),
            # not in files of earlier versions
            has_blob_storage=bool(kept.get("has_blob_storage", True)),
            name=None if kept.get("name") is None else str(kept["name"]),
            dns_host=_kept_host(kept.get("dns_host") or kept["host"]),
            blob_host=_kept_host(kept.get("blob_host") or kept["host"]),
            told={str(one): str(place) for one, place in dict(kept.get("told", {})).items()},
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise StartError(
            f"{path} is damaged: delete it, and give the ports with --https-port, --dns-port, --blob-port."
        ) from None


def _kept_host(value: object) -> str:
    return str(ipaddress.IPv4Address(str(value)))


def _kept_port(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 65535:
        raise ValueError("this is no port")
    return value


def keep(settings: Settings, ports: Ports) -> None:
    """Remembers the ports for every later start."""
    if read(settings.data) != ports:
        write_private(settings.data / PORTS_FILE, json.dumps(asdict(ports)).encode())


def refused(error: OSError, host: str, port: int, name: str, settings: Settings | None = None) -> StartError:
    """The refusal that says which port cannot be bound, why, and how to have another.

    Args:
        settings: tell how somebody would write the setting; None: as an option.
    """
    field = f"{name}_port"
    if error.errno == errno.EADDRNOTAVAIL:
        field = {"scoring": "scoring_network", "metrics": "metrics_host"}.get(name, "host")
    option = settings.named(field) if settings is not None else f"--{field.replace('_', '-')}"
    return StartError(
        f"Port {port} on {host}, the {name} port, {binding.reason(error, host, port)}, "
        f"or choose another with {option}."
    )


def require_right(host: str, port: int, name: str, settings: Settings | None = None) -> None:
    """Refuses a port that this process may not bind at all; whether it is free now does not matter.

    Raises:
        StartError: it may not.
    """
    error = _problem(host, port)
    if error is not None and not binding.is_taken(error):
        raise refused(error, host, port, name, settings)


def listener(
    host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM, *, listens: bool = True
) -> socket.socket:
    """A socket bound to that very port.

    Args:
        listens: of TCP, whether connections are taken from now on.

    Raises:
        OSError: it cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio turns Nagle's algorithm off only then, and with it on each answer
    # over TLS takes 40 ms longer.
    protocol = socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else socket.IPPROTO_UDP
    bound = socket.socket(family, kind, protocol)
    try:
        if kind == socket.SOCK_STREAM:
            # Closed connections of the last run in TIME_WAIT must not keep the port from its owner.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        if listens and kind == socket.SOCK_STREAM:
            bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def _problem(host: str, port: int) -> OSError | None:
    """The error that keeps TCP or UDP from being bound there; None: nothing does."""
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            # Without listening: whoever connected would find it reset, and not know what came of it.
            listener(host, port, kind, listens=False).close()
    except OSError as error:
        return error
    return None


def _wait_until_free(host: str, port: int, name: str, settings: Settings) -> None:
    error: OSError | None = None

    def is_taken() -> bool:
        nonlocal error
        error = _problem(host, port)
        return error is not None and binding.is_taken(error)

    waiting.until(lambda: not is_taken(), RELEASE_TIMEOUT_S)
    if error is not None:
        raise refused(error, host, port, name, settings)


def _free(host: str, excluded: set[int]) -> int:
    candidates = random.sample(FREE_RANGE, len(FREE_RANGE))
    for port in candidates:
        if port in excluded:
            continue
        error = _problem(host, port)
        if error is None:
            return port
        if not binding.is_taken(error):
            raise StartError(f"Port {port} on {host} {binding.reason(error, host, port)}.")
    raise StartError(f"No port between {FREE_RANGE.start} and {FREE_RANGE.stop - 1} is free on {host}.")
