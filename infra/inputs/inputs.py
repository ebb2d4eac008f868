"""The inputs that a stack's owner brings beside its settings: read and checked before anything changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.inputs import model_package, provided_certificate
from infra.inputs.model_package import ModelPackage, PackageError
from infra.inputs.provided_certificate import ProvidedCertificate
from infra.settings import Settings
from infra.settings.reader import NAMESPACE, SettingsError


@dataclass(frozen=True)
class Inputs:
    """The files and texts that the settings name.

    Attributes:
        package: the model's package; None where the settings name a model that is registered already.
        certificate: the certificate; None where a resource issues it, or SSL is off and none is set.
        acme_roots: the roots of a private authority that speaks ACME, PEM; empty: callers' systems know them.
    """

    package: ModelPackage | None
    certificate: ProvidedCertificate | None
    acme_roots: str


def read(stack: Settings, warn: Callable[[str], None]) -> Inputs:
    """Reads all that the settings name.

    Args:
        warn: is given what is probably not as it is meant, in whole sentences.

    Raises:
        SettingsError: with what is wrong with any of them.
    """
    problems: list[str] = []
    inputs = Inputs(
        _package(stack, problems, warn),
        provided_certificate.read(stack.certificate, stack.domain.fqdn, problems, warn),
        _acme_roots(stack, problems),
    )
    if stack.management.roots is not None:
        _roots("managementRoots", stack.management.roots, problems)
    if problems:
        raise SettingsError(problems)
    return inputs


def _package(stack: Settings, problems: list[str], warn: Callable[[str], None]) -> ModelPackage | None:
    if stack.model.id is not None:
        return None
    try:
        package = model_package.read(stack.model.path)
        package.try_out()
    except PackageError as error:
        problems.append(f"{NAMESPACE}:modelPackage: {error}")
        return None
    for warning in package.warnings():
        warn(f"{NAMESPACE}:modelPackage: {warning}")
    return package


def _acme_roots(stack: Settings, problems: list[str]) -> str:
    authority = stack.certificate.acme
    if authority is None or authority.roots_file is None:
        return ""
    return _roots("acmeRootsFile", authority.roots_file, problems)


def _roots(setting: str, file: Path, problems: list[str]) -> str:
    from certs.errors import CertificateError
    from certs.sources.files import read_roots_file

    try:
        return read_roots_file(file)
    except CertificateError as error:
        problems.append(f"{NAMESPACE}:{setting}: {error}")
        return ""
