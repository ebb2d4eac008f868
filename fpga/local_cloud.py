"""Starting the localcloud of a checkout with all its parts, and trusting it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fpga.files import write_whole
from fpga.project import Project

if TYPE_CHECKING:
    from engine.report import Report
    from localcloud.settings import Settings

START_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True)
class Listeners:
    """Where a localcloud is to listen; 0 and None: where it did before, or where there is room."""

    https_port: int = 0
    dns_port: int = 0
    blob_port: int = 0
    scoring_network: str | None = None
    scoring_port: int | None = None


def build_model(report: Report) -> tuple[Path, Path]:
    """The featurizers built into the device and the model package, made where they are missing."""
    import models
    from engine import cache

    built = models.build(cache.root() / "model", report.progress)
    return built.featurizers, built.package


def settings(data: Path, featurizers: Path, listeners: Listeners, report: Report) -> Settings:
    """What a localcloud with blob storage is started with; Azurite is installed where it is missing."""
    from engine import azurite
    from localcloud.settings import Settings

    parts = azurite.ensure(report)
    scoring: dict[str, Any] = {}
    if listeners.scoring_network is not None:
        scoring["scoring_network"] = listeners.scoring_network
    if listeners.scoring_port is not None:
        scoring["scoring_port"] = listeners.scoring_port
    return Settings(
        data=data,
        featurizers=featurizers,
        node=parts.node,
        azurite=parts.package,
        https_port=listeners.https_port,
        dns_port=listeners.dns_port,
        blob_port=listeners.blob_port,
        **scoring,
    )


def start(project: Project, wanted: Settings) -> dict[str, Any]:
    """Starts it, unless it runs: its status. The one of the checkout's own folder is trusted from then on.

    Raises:
        localcloud.errors.StartError: it cannot start.
    """
    from localcloud import control

    status = control.start(wanted, START_TIMEOUT_S)
    if wanted.data == project.cloud:
        trust(project, Path(status["ca"]))
    return status


def trust(project: Project, ca: Path) -> bool:
    """Writes the bundle of roots that SSL_CERT_FILE names: certifi's and the given CA; False if it stands."""
    import certifi

    roots = Path(certifi.where()).read_bytes().rstrip() + b"\n\n" + ca.read_bytes()
    project.local.mkdir(mode=0o700, parents=True, exist_ok=True)
    return write_whole(project.ca_bundle, roots)
