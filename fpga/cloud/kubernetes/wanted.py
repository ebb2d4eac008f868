"""The answers that manifests are made of, and the refusal of those that no API server takes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fpga.errors import CommandError
from localcloud.configuration import kinds
from localcloud.configuration.table import Unfit

Manifest = dict[str, Any]
"""An object of the API, as YAML has it."""

_LABEL: Final = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_NAME_LENGTH: Final = 30
"""KubeRay and StatefulSets put words behind a name, and a DNS label has 63 characters."""
_LABEL_LENGTH: Final = 63
_QUANTITY: Final = re.compile(r"[1-9][0-9]*(Mi|Gi|Ti|M|G|T)")
_IMAGE: Final = re.compile(r"[a-z0-9][\w.:/@-]*", re.ASCII)
_ISSUER: Final = re.compile(r"(ClusterIssuer/|Issuer/)?([a-z0-9]([a-z0-9.-]*[a-z0-9])?)")
_SERVICE_TYPES: Final = ("LoadBalancer", "NodePort", "ClusterIP")


@dataclass(frozen=True)
class Wanted:
    """A localcloud on Kubernetes, as somebody wants it.

    Attributes:
        image: the image of all containers; docs/kubernetes.md says what is in it.
        address: IPv4 address at which callers reach it: that of the Service's load balancer.
        dns_name: the DNS name that leads to that address; None: there is none.
        name: begins the names of all objects.
        namespace: theirs.
        service_type: of the Service that callers reach.
        storage: the size of the data folder's volume, as Kubernetes writes quantities.
        storage_class: its class; None: the cluster's own.
        workers: how many pods replicas are placed on; 0: there is no Ray, and localcloud scores alone.
        cores: of each of these.
        memory: of each of these.
        issuer: the issuer of cert-manager that certifies `dns_name`, `NAME` or `ClusterIssuer/NAME`; None:
            cert-manager is not asked for anything.
        encrypted: secrets in the data folder are encrypted, with a key in a Secret.
    """

    image: str
    address: str
    dns_name: str | None = None
    name: str = "localcloud"
    namespace: str = "localcloud"
    service_type: str = "LoadBalancer"
    storage: str = "20Gi"
    storage_class: str | None = None
    workers: int = 2
    cores: int = 4
    memory: str = "8Gi"
    issuer: str | None = None
    encrypted: bool = False

    @property
    def ray(self) -> str:
        """The name of the RayCluster."""
        return f"{self.name}-ray"

    @property
    def ray_address(self) -> str:
        """The DNS name of its head's Service, which KubeRay makes."""
        return f"{self.ray}-head-svc.{self.namespace}.svc.cluster.local"

    @property
    def issuer_reference(self) -> Manifest:
        """The issuer, as a Certificate names it."""
        kind, _, name = (self.issuer or "").rpartition("/")
        return {"name": name, "kind": kind or "Issuer", "group": "cert-manager.io"}


def check(wanted: Wanted) -> None:
    """Refuses what no API server, or no localcloud, would take: all of it together.

    Raises:
        CommandError: there is such a thing; each option with its remedy.
    """
    problems = list(_problems(wanted))
    if problems:
        raise CommandError("\n".join(problems))


def _problems(wanted: Wanted) -> Iterator[str]:
    lengths = (("--name", wanted.name, _NAME_LENGTH), ("--namespace", wanted.namespace, _LABEL_LENGTH))
    for option, value, most in lengths:
        if not (_LABEL.fullmatch(value) and len(value) <= most):
            yield f"{option} {value} is no name: give a-z, 0-9 and -, a letter first, {most} at most."
    if not _IMAGE.fullmatch(wanted.image):
        yield f"--image {wanted.image} is no image: give its name, with a tag or digest."
    try:
        address = ipaddress.IPv4Address(wanted.address)
    except ValueError:
        address = None
    if address is None or address.is_unspecified or address.is_loopback or address.is_multicast:
        yield (
            f"--address {wanted.address} is no IPv4 address that callers reach: give that of the load "
            "balancer, which has to stay the same."
        )
    if wanted.dns_name is not None:
        try:
            kinds.dns_name().read(wanted.dns_name)
        except Unfit as error:
            yield f"--dns-name {wanted.dns_name} {error}."
    if wanted.service_type not in _SERVICE_TYPES:
        yield f"--service-type {wanted.service_type} is not known: give one of {', '.join(_SERVICE_TYPES)}."
    for option, value in (("--storage", wanted.storage), ("--memory", wanted.memory)):
        if not _QUANTITY.fullmatch(value):
            yield f"{option} {value} is no size: give a number with Mi, Gi or Ti behind it, such as 20Gi."
    if wanted.workers < 0:
        yield f"--workers {wanted.workers} is less than none: give 0 for a localcloud that scores alone."
    if wanted.cores < 1:
        yield f"--cores {wanted.cores} is no number of cores: give 1 or more."
    if wanted.issuer is not None and not _ISSUER.fullmatch(wanted.issuer):
        yield f"--issuer {wanted.issuer} is no issuer: give its name, or ClusterIssuer/NAME."
    if wanted.issuer is not None and wanted.dns_name is None:
        yield "--issuer has nothing to certify: give --dns-name, too, which callers reach localcloud by."
