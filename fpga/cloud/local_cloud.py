"""Starting the localcloud of a checkout with all its parts, and trusting it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fpga.files import write_whole
from fpga.project import Project

if TYPE_CHECKING:
    from engine.report import Report
    from localcloud.configuration.reading import Found
    from localcloud.settings import Settings
    from localcloud.status import Status

START_TIMEOUT_S: Final = 60.0
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def build_model(report: Report) -> tuple[Path, Path]:
    """The featurizers built into the device and the model package, made where they are missing.

    Raises:
        EngineError: they are missing, and this user may not write to the cache.
    """
    from engine import cache
    from localcloud import featurizers

    entry = f"model-{featurizers.key()}"
    try:
        built = featurizers.build(cache.root() / entry, report.progress)
    except OSError as error:
        raise cache.explained(entry, error) from None
    return built.featurizers, built.package


def settings(data: Path, found: Found, report: Report) -> Settings:
    """The settings of a localcloud with blob storage; parts that nobody gave are made where they are missing.

    Args:
        data: the data folder, where nobody gave one.
        found: what somebody gave.

    Raises:
        EngineError: a part is missing, and this user may not write to the cache.
    """
    filled: dict[str, Path] = {"data": data}
    if "featurizers" not in found.values:
        filled["featurizers"], _ = build_model(report)
    if not {"node", "azurite"} & found.values.keys():
        from engine import azurite

        parts = azurite.ensure(report)
        filled |= {"node": parts.node, "azurite": parts.package}
    return found.settings(**filled)


def start(project: Project, wanted: Settings) -> Status:
    """Starts it, unless it runs: its status. The one of the checkout's own folder is trusted from then on.

    Raises:
        localcloud.errors.StartError: it cannot start.
    """
    from localcloud import control

    status = control.start(wanted, START_TIMEOUT_S)
    if wanted.data == project.cloud:
        trust(project, roots_of(status))
    return status


def roots_of(status: Status) -> Path | None:
    """The file of roots that callers of a localcloud need; None: their systems know the authority."""
    return status.ca if status.needs_roots else None


def trust(project: Project, ca: Path | None) -> bool:
    """Writes the bundle that SSL_CERT_FILE names: this machine's roots and the given CA. False if it stands.

    A shell that is activated names this very bundle: it is left as it is while it holds the CA, for what else
    the machine trusts was put into it from outside such a shell.
    """
    authority = b"" if ca is None else ca.read_bytes()
    here = os.environ.get("SSL_CERT_FILE") == str(project.ca_bundle)
    if here and project.ca_bundle.exists() and authority in project.ca_bundle.read_bytes():
        return False
    return write_bundle(project, ca, project.ca_bundle)


def follow_ca(project: Project, before: bytes, after: bytes) -> list[Path]:
    """Has the bundles in `.local` that trust a CA of before trust those behind it: those that changed."""
    old = _CERTIFICATE.findall(before)
    changed = []
    for bundle in (project.ca_bundle, *sorted((project.local / "roots").glob("*.pem"))):
        roots = bundle.read_bytes() if bundle.is_file() else b""
        if not any(one in roots for one in old):
            continue
        for one in old:
            roots = roots.replace(one, b"")
        if write_whole(bundle, roots.rstrip() + b"\n\n" + after):
            changed.append(bundle)
    return changed


def write_bundle(project: Project, ca: Path | None, bundle: Path, others: Path | None = None) -> bool:
    """Writes other roots, by default this machine's, and the given CA to a file in `.local`. False if it was
    there already.
    """
    roots = (others or _machine_roots(project)).read_bytes().rstrip() + b"\n"
    if ca is not None:
        roots += b"\n" + ca.read_bytes()
    bundle.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return write_whole(bundle, roots)


def _machine_roots(project: Project) -> Path:
    """The file of roots that this machine's programs trust: its owner's, OpenSSL's own, or certifi's."""
    import ssl

    import certifi

    given = os.environ.get("SSL_CERT_FILE")
    if given and project.local in Path(given).parents:  # an activated shell's
        given = None
    for file in (given, ssl.get_default_verify_paths().openssl_cafile):
        if file and Path(file).is_file():
            return Path(file)
    return Path(certifi.where())
