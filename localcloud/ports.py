"""The ports of a localcloud: chosen once, outside the range that the system hands out, and kept."""

from __future__ import annotations

import errno
import ipaddress
import json
import random
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud import binding, waiting
from localcloud.certificate.rules import OWN
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.settings import Settings
from surroundings import json_text

FREE_RANGE = range(20000, 30000)
PORTS_FILE = "ports.json"
RELEASE_TIMEOUT_S = 3.0
"""How long a port that was ours may stay taken: after a kill, the blob service ends a moment later."""


@dataclass(frozen=True)
class Ports:
    """The ports of a localcloud; `blob` is kept even where there is no blob storage.

    Attributes:
        name: DNS name by which callers reach `host`, too.
        by_name: callers are told the name first: a certificate of another's issue may be for it alone.
    """

    host: str
    https: int
    dns: int
    blob: int
    has_blob_storage: bool
    name: str | None = None
    by_name: bool = False

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Addresses of the HTTPS APIs, the preferred one first."""
        hosts = ("127.0.0.1", "localhost") if self.host == "127.0.0.1" else (self.host,)
        if self.name is not None:
            name = self.name.lower()
            hosts = (name, *hosts) if self.by_name else (*hosts, name)
        return tuple(f"https://{host}:{self.https}" for host in hosts)

    @property
    def name_server(self) -> str:
        """Address of the DNS server, as `HOST:PORT`."""
        return f"{self.host}:{self.dns}"

    @property
    def blob_url(self) -> str | None:
        """Address of the blob service, if there is one."""
        return f"https://{self.blob_host}:{self.blob}" if self.has_blob_storage else None

    @property
    def blob_host(self) -> str:
        """The name or address by which callers reach the blob service."""
        return self.name.lower() if self.name is not None and self.by_name else self.host


def resolve(settings: Settings) -> Ports:
    """The ports to listen on: the given ones, else those of the last start, else free ones.

    Raises:
        StartError: a given or kept port cannot be bound; the message names it and the setting.
    """
    kept = read(settings.data)
    given = {"https": settings.https_port, "dns": settings.dns_port, "blob": settings.blob_port}
    chosen: dict[str, int] = {}
    for name, port in given.items():
        wanted = port or (getattr(kept, name) if kept else 0)
        if wanted:
            _wait_until_free(settings.host, wanted, name)
        chosen[name] = wanted or _free(settings.host, set(chosen.values()) | set(given.values()))
    if len(set(chosen.values())) != len(chosen):
        raise StartError(f"The ports must differ: {chosen}. Change --https-port, --dns-port or --blob-port.")
    return Ports(
        settings.host,
        **chosen,
        has_blob_storage=settings.has_blob_storage,
        name=settings.name,
        by_name=settings.name is not None and settings.certificate_source != OWN,
    )


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
            by_name=bool(kept.get("by_name", False)),
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


def refused(error: OSError, host: str, port: int, name: str) -> StartError:
    """The refusal that says which port cannot be bound, why, and how to have another."""
    option = f"--{name}-port"
    if error.errno == errno.EADDRNOTAVAIL:
        option = "--scoring-network" if name == "scoring" else "--host"
    return StartError(
        f"Port {port} on {host}, the {name} port, {binding.reason(error, host, port)}, "
        f"or choose another with {option}."
    )


def require_right(host: str, port: int, name: str) -> None:
    """Refuses a port that this process may not bind at all; whether it is free now does not matter.

    Raises:
        StartError: it may not.
    """
    error = _problem(host, port)
    if error is not None and not binding.is_taken(error):
        raise refused(error, host, port, name)


def listener(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A socket bound to that very port.

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
        if kind == socket.SOCK_STREAM:
            bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def _problem(host: str, port: int) -> OSError | None:
    """The error that keeps TCP or UDP from being bound there; None: nothing does."""
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            listener(host, port, kind).close()
    except OSError as error:
        return error
    return None


def _wait_until_free(host: str, port: int, name: str) -> None:
    error: OSError | None = None

    def is_taken() -> bool:
        nonlocal error
        error = _problem(host, port)
        return error is not None and binding.is_taken(error)

    waiting.until(lambda: not is_taken(), RELEASE_TIMEOUT_S)
    if error is not None:
        raise refused(error, host, port, name)


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
