"""Settings of a localcloud: its data folder and where it listens. Standard library only: `control` reads them
too.
"""

from __future__ import annotations

import ipaddress
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from localcloud import reach
from localcloud.errors import StartError

DATABASE = "localcloud.db"
LOCK = "lock"
CLIENT_SECRET = "client-secret"  # noqa: S105 - a file name
BLOBS = "blobs"
PACKAGES = "models"
CA_CERTIFICATE = "ca.pem"
PID = "localcloud.pid"
CRASH_REPORT = "localcloud.crash"
LOG = "localcloud.log"
FOLLOW = signal.SIGUSR1
"""Has the process take what a command has made anew in its data folder."""
REFUSAL = "localcloud cannot start: "
"""Begins the last line of a process that could not start; `control` takes the reason behind it."""
_PACKAGE_HOST = re.compile(r"(\[(?P<address>[^]]+)\]|(?P<name>[A-Za-z0-9._-]+))(:(?P<port>[0-9]{1,5}))?")
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)({_LABEL}\.)+(?=.*[A-Za-z]){_LABEL}")


@dataclass(frozen=True)
class PackageHost:
    """A host that packages may be fetched from, by its name or address; `port` None: each of its ports."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """The settings that a localcloud is started with.

    Attributes:
        data: folder of everything durable, 0700; made where there is none.
        featurizers: folder of the built-in featurizers, as `localcloud.featurizers` builds it.
        node: the Node.js binary; None: no blob storage.
        azurite: root of the installed npm package `azurite`; None: no blob storage.
        host: IPv4 address of the HTTPS, DNS and blob listeners: loopback, or with `public` any of this
            machine's.
        name: DNS name by which callers reach `host`; None: they call the address.
        public: other machines may reach what it listens on.
        https_port: port of all HTTPS APIs; 0: the one kept from the last start, or a free one.
        dns_port: port of the DNS server, UDP and TCP alike; 0 as above.
        blob_port: port of the blob service; 0 as above.
        scoring_network: network of which each service gets an address, loopback or with `public` any whose
            addresses this machine has; or, apart from loopback, one address, where each gets a port.
        scoring_port: port of every service's gRPC server; with one address the first of their ports.
        package_hosts: where packages may be fetched from although it is this machine or its link, or goes
            over http, each `HOST` or `HOST:PORT`; localcloud's own blob service always may.
    """

    data: Path
    featurizers: Path
    node: Path | None = None
    azurite: Path | None = None
    host: str = "127.0.0.1"
    name: str | None = None
    public: bool = False
    https_port: int = 0
    dns_port: int = 0
    blob_port: int = 0
    scoring_network: str = "127.80.0.0/16"
    scoring_port: int = 50051
    package_hosts: tuple[str, ...] = ()

    @property
    def has_blob_storage(self) -> bool:
        """Whether storage accounts can be served."""
        return self.node is not None and self.azurite is not None


def check(settings: Settings) -> None:
    """Refuses what cannot work, naming the setting.

    Raises:
        StartError: a setting is out of its range, or the data folder is somebody else's.
    """
    reach.check_host(settings.host, public=settings.public)
    if settings.name is not None and not _NAME.fullmatch(settings.name):
        raise StartError(
            f"--name {settings.name} is no DNS name: give one such as models.contoso.com, in ASCII."
        )
    for name in ("https_port", "dns_port", "blob_port"):
        port = getattr(settings, name)
        if not 0 <= port <= 65535:
            raise StartError(f"--{name.replace('_', '-')} {port} is no port: give 1 to 65535, or 0 for any.")
    if not 1 <= settings.scoring_port <= 65535:
        raise StartError(f"--scoring-port {settings.scoring_port} is no port: give 1 to 65535.")
    reach.check_scoring(settings.scoring_network, public=settings.public)
    for written in settings.package_hosts:
        package_host(written)
    if (settings.node is None) != (settings.azurite is None):
        raise StartError("--node and --azurite go together: blob storage needs both, or leave both out.")
    # The lock file is looked for last: another localcloud may just be making itself at home there.
    if settings.data.is_dir() and any(settings.data.iterdir()) and not (settings.data / LOCK).exists():
        raise StartError(
            f"--data {settings.data} holds something that is not a localcloud's: give a new or empty folder."
        )


def package_host(written: str) -> PackageHost:
    """The host that a setting names.

    Raises:
        StartError: it is neither `HOST` nor `HOST:PORT`.
    """
    found = _PACKAGE_HOST.fullmatch(written)
    try:
        if found and 1 <= int(found["port"] or 1) <= 65535:
            host = found["name"] or str(ipaddress.IPv6Address(found["address"]))
            return PackageHost(host.lower(), int(found["port"]) if found["port"] else None)
    except ValueError:  # brackets around what is no address
        pass
    raise StartError(
        f"--package-host {written} names no host: give HOST or HOST:PORT, such as 127.0.0.1:9000."
    )
