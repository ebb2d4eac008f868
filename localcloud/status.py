"""The status of a localcloud: where it is, how to sign in to it, and what it serves. Standard library only.

Its JSON is what `GET /health` tells who has a token, and what `fpga cloud status --json` shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from localcloud.version import UNTOLD, Version

_SELDOM = ("http_port", "listens", "note", "replicas", "answering")


@dataclass(frozen=True)
class ServiceStatus:
    """The status of one service that is deployed, of whichever account.

    Attributes:
        name: its name in its account.
        state: as the data plane tells it, such as Succeeded or Failed.
        address: the IPv4 address where it answers; None where it never did, or gave its address back.
        port: the TCP port of its gRPC server; None as above.
        ssl: whether it answers over TLS.
        http_port: the TCP port of that address where it answers HTTP, too; None: nowhere.
        listens: `HOST:PORT` that it listens on, where callers are told another one.
        note: what a person should know: why it does not answer, or that it is not where the settings say.
        replicas: how many replicas on other machines it is to have; None: its model runs in localcloud.
        answering: how many of them answer, as far as is known; None as above.
    """

    name: str
    state: str
    address: str | None
    port: int | None
    ssl: bool
    http_port: int | None = None
    listens: str | None = None
    note: str | None = None
    replicas: int | None = None
    answering: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The status as JSON has it: without what there is not to tell."""
        told = asdict(self)
        return {key: value for key, value in told.items() if value is not None or key not in _SELDOM}


@dataclass(frozen=True)
class ListenerStatus:
    """A listener, and who gets how far there.

    Attributes:
        name: what answers, such as `HTTPS APIs`.
        listens: where: `HOST:PORT`, or the addresses and ports of all services.
        reach: who gets there: `this machine` alone, or `other machines`, too.
        asks: what it asks a caller for.
        told: where callers are told to find it, if that is elsewhere.
    """

    name: str
    listens: str
    reach: str
    asks: str
    told: str | None = None


@dataclass(frozen=True)
class CertificateStatus:
    """The status of the certificate that HTTPS and blob service show.

    Attributes:
        source: where it comes from: own, files or acme.
        expires: the last moment at which it is valid, RFC 3339 in UTC.
        trouble: what is in the way of another one; None: nothing is.
        notes: what a person should know of it all the same.
    """

    source: str
    expires: str
    trouble: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The status as JSON has it."""
        return {**asdict(self), "notes": list(self.notes)}


@dataclass(frozen=True)
class EdgeStatus:
    """The status of the edge that takes the calls of services.

    Attributes:
        proxy: its program: envoy.
        version: the program's; None: it has not served yet.
        pid: number of its process; None: it is being started again.
        restarts: how often it died and was started again.
    """

    proxy: str
    version: str | None
    pid: int | None
    restarts: int


@dataclass(frozen=True)
class ReplicasStatus:
    """The status of the cluster that has the replicas of services.

    Attributes:
        head: where it takes machines: `HOST:PORT`.
        connected: whether it answers.
        since: since when it does, or does not: RFC 3339 in UTC.
        nodes: how many machines it has; 0 while it does not answer.
        pid: number of the process that holds the Ray driver; None: it is being started.
        restarts: how often that was started again.
        trouble: what is in the way, a sentence; None: nothing is.
    """

    head: str
    connected: bool
    since: str
    nodes: int
    pid: int | None
    restarts: int
    trouble: str | None = None


@dataclass(frozen=True)
class Status:
    """The status of a localcloud, running or not. No secret is in it.

    Of one that does not run, all that will be the same at its next start is told; what is chosen at the first
    start is None where there was none yet.

    Attributes:
        https: base URL of all HTTPS APIs, `https://HOST:PORT`; None: never started.
        ca: file of the roots that its HTTPS is to be trusted by, PEM.
        tenant: UUID of the directory that signs in; None: never started.
        subscription: UUID of its one subscription; None: never started.
        client_id: UUID of the application that signs in; None: never started.
        client_secret_file: file of that application's secret.
        dns: address of the DNS server, `HOST:PORT`, UDP and TCP alike; None: never started.
        blob: base URL of the blob service, `https://HOST:PORT`; None: there is no blob storage.
        pid: number of its process; None: it does not run.
        services: what is deployed; empty where it does not run.
        listeners: where it listens; empty where it does not run, or tells none.
        version: the version of the code that runs; `UNTOLD` where it does not run, or tells none.
        needs_roots: whether callers must be given `ca`; False: their systems know those roots.
        certificate: of its HTTPS; None where it does not run, or tells nothing of it.
        execution_providers: what runs its models, in this order; empty where it does not run, or tells none.
        edge: of what takes the calls of services; None: their own servers do, or it does not run.
        replicas: of the cluster that has their replicas; None: models run in it, or it does not run.
    """

    https: str | None
    ca: Path
    tenant: str | None
    subscription: str | None
    client_id: str | None
    client_secret_file: Path
    dns: str | None
    blob: str | None
    pid: int | None = None
    services: tuple[ServiceStatus, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()
    version: Version = UNTOLD
    needs_roots: bool = True
    certificate: CertificateStatus | None = None
    execution_providers: tuple[str, ...] = ()
    edge: EdgeStatus | None = None
    replicas: ReplicasStatus | None = None

    @property
    def running(self) -> bool:
        """Whether a process serves it."""
        return self.pid is not None

    def to_json(self) -> dict[str, Any]:
        """The status as JSON has it: paths as texts, number and commit of the version beside each other."""
        return {
            "https": self.https,
            "ca": str(self.ca),
            "needs_roots": self.needs_roots,
            "tenant": self.tenant,
            "subscription": self.subscription,
            "client_id": self.client_id,
            "client_secret_file": str(self.client_secret_file),
            "dns": self.dns,
            "blob": self.blob,
            "pid": self.pid,
            "services": [service.to_json() for service in self.services],
            "listeners": [asdict(listener) for listener in self.listeners],
            "version": self.version.number,
            "commit": self.version.commit,
            "certificate": None if self.certificate is None else self.certificate.to_json(),
            "execution_providers": list(self.execution_providers),
            "edge": None if self.edge is None else asdict(self.edge),
            "replicas": None if self.replicas is None else asdict(self.replicas),
            "running": self.running,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Status:
        """The status that was told, by this version or by an earlier or later one.

        Raises:
            ValueError: it is none of a localcloud's.
        """
        try:
            return cls(
                https=told["https"],
                ca=Path(told["ca"]),
                tenant=told["tenant"],
                subscription=told["subscription"],
                client_id=told["client_id"],
                client_secret_file=Path(told["client_secret_file"]),
                dns=told["dns"],
                blob=told["blob"],
                pid=told["pid"],
                services=tuple(_service(service) for service in told["services"]),
                listeners=tuple(_listener(listener) for listener in told.get("listeners", ())),
                version=Version(told.get("version"), told.get("commit")),
                needs_roots=told.get("needs_roots", True),
                certificate=_certificate(told.get("certificate")),
                execution_providers=tuple(told.get("execution_providers", ())),
                edge=_edge(told.get("edge")),
                replicas=_replicas(told.get("replicas")),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no status of a localcloud: {error!r}") from None


def _service(told: Mapping[str, Any]) -> ServiceStatus:
    return ServiceStatus(
        told["name"],
        told["state"],
        told["address"],
        told["port"],
        told["ssl"],
        told.get("http_port"),
        told.get("listens"),
        told.get("note"),
        told.get("replicas"),
        told.get("answering"),
    )


def _listener(told: Mapping[str, Any]) -> ListenerStatus:
    return ListenerStatus(told["name"], told["listens"], told["reach"], told["asks"], told["told"])


def _certificate(told: Mapping[str, Any] | None) -> CertificateStatus | None:
    if told is None:
        return None
    return CertificateStatus(told["source"], told["expires"], told["trouble"], tuple(told["notes"]))


def _edge(told: Mapping[str, Any] | None) -> EdgeStatus | None:
    if told is None:
        return None
    return EdgeStatus(told["proxy"], told["version"], told["pid"], told["restarts"])


def _replicas(told: Mapping[str, Any] | None) -> ReplicasStatus | None:
    if told is None:
        return None
    return ReplicasStatus(
        told["head"],
        told["connected"],
        told["since"],
        told["nodes"],
        told["pid"],
        told["restarts"],
        told["trouble"],
    )
