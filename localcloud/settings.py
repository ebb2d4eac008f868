"""Settings of a localcloud: its data folder and where it listens. Standard library only: `control` reads them
too.
"""

from __future__ import annotations

import ipaddress
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from localcloud.certificate import rules as certificate_rules
from localcloud.configuration import kinds, table
from localcloud.configuration.table import ConfigFile, Kind, Setting, Unfit
from localcloud.edge import ENVOY, binary
from localcloud.errors import StartError
from localcloud.network import listeners, reach
from localcloud.placing import LOCAL, asked
from localcloud.scoring import execution_providers

DATABASE = "localcloud.db"
LOCK = "lock"
CLIENT_SECRET = "client-secret"  # noqa: S105 - a file name
IN_MEMORY = "localcloud-"
"""Begins the name of a folder in memory, to which `client-secret` leads where secrets are encrypted."""
BLOBS = "blobs"
PACKAGES = "models"
CA_CERTIFICATE = "ca.pem"
PID = "localcloud.pid"
CRASH_REPORT = "localcloud.crash"
LOG = "localcloud.log"
END_S = 10.0
"""How long a localcloud may take to end beyond its `drain_timeout`; then it ends whatever it does."""
FOLLOW = signal.SIGUSR1
"""Has the process take what a command has made anew in its data folder."""
REFUSAL = "localcloud cannot start: "
"""Begins the last line of a process that could not start; `control` takes the reason behind it."""
_PACKAGE_HOST = re.compile(r"(\[(?P<address>[^]]+)\]|(?P<name>[A-Za-z0-9._-]+))(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class PackageHost:
    """A host that packages may be fetched from, by its name or address; `port` None: each of its ports."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def package_host(written: str) -> PackageHost:
    """The host that a setting names.

    Raises:
        Unfit: it is neither `HOST` nor `HOST:PORT`.
    """
    found = _PACKAGE_HOST.fullmatch(written)
    try:
        if found and 1 <= int(found["port"] or 1) <= 65535:
            host = found["name"] or str(ipaddress.IPv6Address(found["address"]))
            return PackageHost(host.lower(), int(found["port"]) if found["port"] else None)
    except ValueError:  # brackets around what is no address
        pass
    raise Unfit("names no host: give HOST or HOST:PORT, such as 127.0.0.1:9000")


def _written_host(written: str) -> str:
    package_host(written)
    return written


def _providers(read: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(read))


_provider = kinds.choice(*execution_providers.NAMES)
_ANY_PORT = kinds.port(any_free=True)
_ADDRESS = kinds.text("an IPv4 address", "ADDRESS")
_POOL = kinds.joined(kinds.text("a network, FIRST-LAST, an address, or a list of these", "ADDRESSES"))
_PACKAGE_HOSTS = Kind(_written_host, "a list; each `HOST` or `HOST:PORT`", "HOST[:PORT]", gather=tuple)
_RESOLVERS = Kind(kinds.resolver, "a list; each `ADDRESS` or `ADDRESS:PORT`", "ADDRESS[:PORT]", gather=tuple)
_LAST = "the last one, or a free one"
_PARTS = "Parts"
_ADDRESSES = "Addresses"
_SERVICES = "Services"
_REPLICAS = "Replicas on other machines"
_RUNNING = "Running"
_METRICS = "Metrics"
_CERTIFICATE = "Certificate of the server itself"
_ENCRYPTION = "Encryption at rest"
_TOLD = "Behind NAT"
_HOST = "that of `host`"
_SAME = "the one that it listens on"


@dataclass(frozen=True)
class Settings:
    """The settings that a localcloud is started with: the table of them (`localcloud.configuration.table`).

    Attributes:
        config: the file that some of them were read from.
    """

    data: Annotated[
        Path,
        Setting(kinds.path("DIR"), "Folder of all that it keeps", _PARTS, ".local/cloud of the checkout"),
    ]
    featurizers: Annotated[
        Path, Setting(kinds.path("DIR"), "Folder of the built-in featurizers", _PARTS, is_filled=True)
    ]
    node: Annotated[
        Path | None,
        Setting(kinds.path(), "Node.js binary; without it no blob storage", _PARTS, is_filled=True),
    ] = None
    azurite: Annotated[
        Path | None,
        Setting(
            kinds.path("DIR"),
            "Root of the npm package azurite; without it no blob storage",
            _PARTS,
            is_filled=True,
        ),
    ] = None
    host: Annotated[
        str,
        Setting(_ADDRESS, "Address of this machine to listen on: of HTTPS, DNS and blobs", _ADDRESSES),
    ] = "127.0.0.1"
    name: Annotated[
        str | None, Setting(kinds.dns_name(), "DNS name by which callers reach that address", _ADDRESSES)
    ] = None
    public: Annotated[
        bool,
        Setting(kinds.switch(), "Listen where other machines reach it, if the address is such", _ADDRESSES),
    ] = False
    https_host: Annotated[str | None, Setting(_ADDRESS, "Address of all HTTPS APIs", _ADDRESSES, _HOST)] = (
        None
    )
    dns_host: Annotated[str | None, Setting(_ADDRESS, "Address of the DNS server", _ADDRESSES, _HOST)] = None
    blob_host: Annotated[str | None, Setting(_ADDRESS, "Address of the blob service", _ADDRESSES, _HOST)] = (
        None
    )
    https_port: Annotated[int, Setting(_ANY_PORT, "Port of all HTTPS APIs", _ADDRESSES, _LAST)] = 0
    dns_port: Annotated[
        int, Setting(_ANY_PORT, "Port of the DNS server, UDP and TCP alike", _ADDRESSES, _LAST)
    ] = 0
    blob_port: Annotated[int, Setting(_ANY_PORT, "Port of the blob service", _ADDRESSES, _LAST)] = 0
    scoring_network: Annotated[
        str,
        Setting(
            _POOL,
            "Addresses of this machine of which each service gets one; of one alone, each gets a port",
            _SERVICES,
        ),
    ] = "127.80.0.0/16"
    scoring_port: Annotated[
        int, Setting(kinds.port(), "Port of every service; of one address, the first", _SERVICES)
    ] = 50051
    scoring_http_port: Annotated[
        int,
        Setting(
            _ANY_PORT,
            "Port at which every service answers HTTP, too; of one address, the first; 0: nowhere",
            _SERVICES,
        ),
    ] = 8501
    package_hosts: Annotated[
        tuple[str, ...],
        Setting(
            _PACKAGE_HOSTS,
            "Fetch models' packages from there, too, though it is this machine or goes over http",
            _SERVICES,
            option="--package-host",
        ),
    ] = ()
    execution_providers: Annotated[
        tuple[str, ...],
        Setting(
            Kind(_provider.read, f"a list; each {_provider.shape}", "PROVIDER", gather=_providers),
            "What runs the models, in this order; the CPU takes what others cannot only if it is named, too",
            _SERVICES,
            option="--execution-provider",
        ),
    ] = execution_providers.DEFAULT
    scoring_last_port: Annotated[
        int,
        Setting(
            _ANY_PORT,
            "Last port of the services where they share one address",
            _SERVICES,
            "10000 ports, as far as there are",
        ),
    ] = 0
    edge: Annotated[
        str | None,
        Setting(
            replace(kinds.choice(ENVOY), metavar="PROXY"),
            "What takes the calls of all services, at one address where it can tell them apart",
            _SERVICES,
            "each service's own server, at an address of its own",
        ),
    ] = None
    envoy: Annotated[
        Path | None,
        Setting(kinds.path(), "Envoy's executable (edge)", _SERVICES, "that of the extra `edge`"),
    ] = None
    edge_access_log: Annotated[
        Path | None,
        Setting(
            kinds.path(), "Has a line for each call through the edge, without its key", _SERVICES, "none"
        ),
    ] = None
    ray: Annotated[
        str | None,
        Setting(
            kinds.place(),
            "Head of the Ray cluster that has the replicas of every service",
            _REPLICAS,
            "none: models run in this process",
        ),
    ] = None
    ray_token: Annotated[
        Path | None,
        Setting(kinds.path(), "File of the token that every machine of the cluster shows (ray)", _REPLICAS),
    ] = None
    ray_tls: Annotated[
        Path | None,
        Setting(
            kinds.path("FOLDER"),
            "Folder of ca.crt, tls.crt and tls.key, by which they know each other (ray)",
            _REPLICAS,
        ),
    ] = None
    fallback: Annotated[
        str | None,
        Setting(
            replace(kinds.choice(LOCAL), metavar="WHERE"),
            "What answers while no replica does: `local` keeps a copy of each model in this process (ray)",
            _REPLICAS,
            "nothing; callers are told so",
        ),
    ] = None
    advertise_host: Annotated[
        str | None,
        Setting(
            kinds.host(), "Address or DNS name by which callers reach HTTPS, DNS and blobs", _TOLD, _SAME
        ),
    ] = None
    advertise_https_port: Annotated[
        int, Setting(_ANY_PORT, "Port at which callers reach the HTTPS APIs", _TOLD, _SAME)
    ] = 0
    advertise_dns_host: Annotated[
        str | None,
        Setting(kinds.host(), "As `advertiseHost`, of the DNS server alone", _TOLD, "`advertiseHost`"),
    ] = None
    advertise_dns_port: Annotated[
        int, Setting(_ANY_PORT, "Port at which callers reach the DNS server", _TOLD, _SAME)
    ] = 0
    advertise_blob_host: Annotated[
        str | None,
        Setting(kinds.host(), "As `advertiseHost`, of the blob service alone", _TOLD, "`advertiseHost`"),
    ] = None
    advertise_blob_port: Annotated[
        int, Setting(_ANY_PORT, "Port at which callers reach the blob service", _TOLD, _SAME)
    ] = 0
    advertise_scoring: Annotated[
        str | None,
        Setting(
            _POOL,
            "Addresses at which callers reach those of `scoringNetwork`, as many and in the same order; or "
            "one, where each service gets a port",
            _TOLD,
            "those of `scoringNetwork`",
        ),
    ] = None
    advertise_scoring_port: Annotated[
        int,
        Setting(
            _ANY_PORT,
            "Port at which callers reach every service; where they share an address, the first",
            _TOLD,
            "`scoringPort`",
        ),
    ] = 0
    advertise_scoring_http_port: Annotated[
        int,
        Setting(
            _ANY_PORT,
            "Port at which callers reach every service over HTTP; where they share an address, the first",
            _TOLD,
            "`scoringHttpPort`",
        ),
    ] = 0
    drain_timeout: Annotated[
        int,
        Setting(
            kinds.seconds(0, 3600), "How long calls under way may go on when it is told to end", _RUNNING
        ),
    ] = 10
    certificate_source: Annotated[
        str,
        Setting(
            replace(kinds.choice(*certificate_rules.SOURCES), metavar="SOURCE"),
            "Where the certificate for HTTPS and blobs comes from: localcloud's own CA, files of the "
            "operator's, or an authority that speaks ACME",
            _CERTIFICATE,
        ),
    ] = certificate_rules.OWN
    certificate_chain_file: Annotated[
        Path | None,
        Setting(
            kinds.path(), "Its chain, PEM, leaf first; read again whenever it changes (files)", _CERTIFICATE
        ),
    ] = None
    certificate_key_file: Annotated[
        Path | None, Setting(kinds.path(), "Its private key, PEM, not encrypted (files)", _CERTIFICATE)
    ] = None
    certificate_roots_file: Annotated[
        Path | None,
        Setting(
            kinds.path(),
            "Roots of a private authority, PEM, which callers are told (files)",
            _CERTIFICATE,
            "the root in the chain's file, if there is one",
        ),
    ] = None
    acme_directory: Annotated[
        str | None,
        Setting(kinds.text("an https URL", "URL"), "The authority's directory (acme)", _CERTIFICATE),
    ] = None
    acme_terms_agreed: Annotated[
        bool,
        Setting(kinds.switch(), "Whether its terms of service are agreed to (acme)", _CERTIFICATE),
    ] = False
    acme_contact: Annotated[
        str | None,
        Setting(kinds.text("a mail address", "ADDRESS"), "Whom the authority writes to (acme)", _CERTIFICATE),
    ] = None
    acme_eab_key_id: Annotated[
        str | None,
        Setting(
            kinds.text("as it was handed out", "ID"),
            "Key id of the external account binding that the authority asks for (acme)",
            _CERTIFICATE,
        ),
    ] = None
    acme_eab_hmac_key_file: Annotated[
        Path | None,
        Setting(kinds.path(), "File of its HMAC key, in base64url (acme)", _CERTIFICATE),
    ] = None
    acme_profile: Annotated[
        str | None,
        Setting(
            kinds.text("a name that it offers", "NAME"),
            "The authority's name for a kind of certificate (acme)",
            _CERTIFICATE,
            "its own choice",
        ),
    ] = None
    acme_roots_file: Annotated[
        Path | None,
        Setting(
            kinds.path(),
            "Roots of a private authority, PEM: of its own HTTPS and of what it issues (acme)",
            _CERTIFICATE,
            "this machine's roots",
        ),
    ] = None
    acme_resolvers: Annotated[
        tuple[str, ...],
        Setting(
            _RESOLVERS,
            "DNS resolvers to ask for CAA records before an order (acme)",
            _CERTIFICATE,
            "those of this machine",
            option="--acme-resolver",
        ),
    ] = ()
    metrics_host: Annotated[
        str,
        Setting(
            _ADDRESS,
            "Address to serve metrics on; apart from loopback with TLS, and to readers with a token",
            _METRICS,
        ),
    ] = listeners.METRICS_HOST
    metrics_port: Annotated[
        int | None, Setting(kinds.port(), "Port of the metrics for Prometheus", _METRICS, "no metrics")
    ] = None
    encryption_key_file: Annotated[
        Path | None,
        Setting(
            kinds.path(),
            "File of the key, 32 random bytes, with which secrets in the data folder are encrypted",
            _ENCRYPTION,
            "the systemd credential encryption-key, if there is one",
        ),
    ] = None
    config: ConfigFile | None = None

    @property
    def has_blob_storage(self) -> bool:
        """Whether storage accounts can be served."""
        return self.node is not None and self.azurite is not None

    def named(self, field: str) -> str:
        """A setting as somebody would write it to set it: its key where there is a file, else its option."""
        setting = table.of(Settings)[field]
        if self.config is None:
            return setting.option
        return f"{setting.key}: true" if setting.kind.is_switch else setting.key

    def written(self, field: str, value: str = "") -> str:
        """A setting with its value as somebody wrote it: the beginning of a refusal.

        Args:
            value: one of several; empty: all.
        """
        setting = table.of(Settings)[field]
        value = value or ", ".join(setting.texts(getattr(self, field)))
        if self.config is None or field not in self.config.lines:
            return f"{setting.option} {value}"
        return f"{setting.key}: {value} ({self.config.path}, line {self.config.lines[field]})"


def _unfit(settings: Settings) -> Iterator[str]:
    """What is wrong with values, each looked at alone."""
    for setting in table.of(Settings).values():
        value = getattr(settings, setting.field)
        for text in () if value is None else setting.texts(value):
            try:
                setting.kind.read(text)
            except Unfit as error:
                yield f"{settings.written(setting.field, text)} {error}."


def check(settings: Settings) -> None:
    """Refuses what cannot work, each setting as it is written.

    Raises:
        StartError: a setting is out of its range, or the data folder is somebody else's.
    """
    problems = [*_unfit(settings), *reach.problems(settings)]
    if (settings.node is None) != (settings.azurite is None):
        problems.append(
            f"{settings.named('node')} and {settings.named('azurite')} go together: blob storage needs both, "
            "or leave both out."
        )
    if settings.edge is not None and (obstacle := binary.obstacle(settings.envoy)) is not None:
        problems.append(f"{settings.written('edge')} {obstacle}")
    if settings.edge is not None and settings.scoring_http_port not in (0, Settings.scoring_http_port):
        problems.append(
            f"{settings.written('scoring_http_port')} is where nothing would answer: behind an edge services "
            "answer gRPC alone. Leave it out."
        )
    for field, done in {"envoy": "started", "edge_access_log": "written"}.items():
        if getattr(settings, field) is not None and settings.edge is None:
            problems.append(
                f"{settings.written(field)} is {done} by nobody: give {settings.named('edge')}, too."
            )
    problems += asked.problems(settings)
    key = settings.encryption_key_file
    if key is not None and settings.data.resolve() in key.resolve().parents:
        problems.append(
            f"{settings.written('encryption_key_file')} lies in the data folder, and would be taken together "
            "with what is encrypted: keep it elsewhere."
        )
    if problems:
        raise StartError.of_settings(problems)
    certificate_rules.check(settings)
    # The lock file is looked for last: another localcloud may just be making itself at home there.
    if settings.data.is_dir() and any(settings.data.iterdir()) and not (settings.data / LOCK).exists():
        raise StartError(
            f"{settings.written('data')} holds something that is not a localcloud's: give a new or empty "
            "folder."
        )
