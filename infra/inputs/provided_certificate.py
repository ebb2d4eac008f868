"""A certificate that the stack's owner brings: in files, in a container or in the configuration itself.

It is read and checked at each run, a preview's too, as callers will check it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.settings import DeclaredService
from infra.settings.reader import NAMESPACE

if TYPE_CHECKING:
    from cryptography import x509

    from certs.sources.source import CertificateSource

_SETTINGS = {
    "files": ("certificateFile", "keyFile"),
    "pfx": ("pfxFile", "pfxPassword"),
    "config": ("certificateChain", "certificateKey"),
}


@dataclass(frozen=True)
class ProvidedCertificate:
    """A certificate with its chain of trust and its key, fit to be served.

    Attributes:
        chain: leaf first, PEM.
        key: the leaf's private key, PEM; a secret.
        fingerprint: SHA-256 of the leaf, `AB:CD:…`.
        not_after: its last moment (RFC 3339, UTC).
        root: the root that callers need, PEM; empty where their systems know it.
    """

    chain: str
    key: str = field(repr=False)
    fingerprint: str
    not_after: str
    root: str


def read(
    service: DeclaredService,
    problems: list[str],
    warn: Callable[[str], None],
    machine_roots: Callable[[], list[x509.Certificate]],
) -> ProvidedCertificate | None:
    """The certificate, if it is fit for the service's FQDN; else None, and what is wrong is among the
    `problems`.

    None, too, for a source that issues certificates, and while SSL is off and nothing is set.

    Args:
        warn: is given what callers may not like, in whole sentences.
        machine_roots: the roots that this machine's programs trust.
    """
    settings, fqdn = service.certificate, service.domain.fqdn
    source = _source(service)
    if source is None:
        return None
    import datetime as dt

    from certs import bundle, checks
    from certs.errors import CertificateError
    from certs.findings import Origin
    from certs.rules import trust

    now = dt.datetime.now(dt.UTC)
    try:
        obtained = source.obtain([fqdn], now)
        roots = (
            bundle.read_roots(obtained.root_pem or "", Origin.of_file("roots file", str(settings.roots_file)))
            if settings.roots_file
            else None
        )
        checked = checks.require(obtained.reading, fqdn, now, roots, settings.minimum_days, machine_roots)
    except CertificateError as error:
        problems.append(f"{_named(service)}: {error}")
        return None
    for finding in checked.findings:
        warn(str(finding))
    machine = machine_roots() if not obtained.root_pem else []
    if machine and trust.anchor_of(checked.bundle.chain, None, machine) is None:
        warn(
            f"{_named(service)}: the chain leads to no authority that this machine trusts. Unless callers "
            f"trust it, name its root in {NAMESPACE}:{service.setting('rootsFile')}: the endpoint check then "
            "expects it, and the output rootCertificate hands it on."
        )
    return ProvidedCertificate(
        chain=checked.bundle.certificate_pem,
        key=checked.bundle.key_pem,
        fingerprint=checked.bundle.fingerprint_sha256,
        not_after=checked.bundle.not_after.isoformat(),
        root=obtained.root_pem or "",
    )


def _source(service: DeclaredService) -> CertificateSource | None:
    """The source of the certificate. The modules are loaded here: a stack that brings none needs none."""
    settings = service.certificate
    if settings.certificate_file is not None and settings.key_file is not None:
        from certs.sources.files import FilesSource

        return FilesSource(settings.certificate_file, settings.key_file, settings.roots_file)
    if settings.pfx_file is not None:
        from certs.sources.pfx import PfxSource

        return PfxSource(settings.pfx_file, settings.pfx_password, settings.roots_file)
    if settings.chain is not None and settings.key is not None:
        from certs.sources.config import ConfigSource

        chain, key = (f"{NAMESPACE}:{service.setting(one)}" for one in _SETTINGS["config"])
        return ConfigSource(settings.chain, settings.key, chain, key, settings.roots_file)
    return None


def _named(service: DeclaredService) -> str:
    settings = service.certificate
    keys = _SETTINGS[settings.source] + (("rootsFile",) if settings.roots_file else ())
    return ", ".join(f"{NAMESPACE}:{service.setting(key)}" for key in keys)
