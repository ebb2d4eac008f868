"""The inputs that a stack's owner brings beside its settings: read and checked before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.inputs import machine_roots, model_package, provided_certificate
from infra.inputs.model_package import ModelPackage, PackageError
from infra.inputs.provided_certificate import ProvidedCertificate
from infra.settings import DeclaredService, Settings
from infra.settings.reader import NAMESPACE, SettingsError


@dataclass(frozen=True)
class ServiceInputs:
    """The files and texts that the settings of one service name.

    Attributes:
        package: the model's package, which services may share; None where the settings name a model that is
            registered already.
        certificate: the certificate; None where a resource issues it, or SSL is off and none is set.
        acme_roots: the roots of a private authority that speaks ACME, PEM; empty: callers' systems know them.
    """

    package: ModelPackage | None
    certificate: ProvidedCertificate | None
    acme_roots: str


@dataclass(frozen=True)
class Inputs:
    """The inputs of each service, by its logical name."""

    of: Mapping[str, ServiceInputs]


def read(stack: Settings, warn: Callable[[str], None]) -> Inputs:
    """Reads all that the settings name, each file once.

    Args:
        warn: is given what is probably not as it is meant, in whole sentences, each once.

    Raises:
        SettingsError: with what is wrong with any of them.
    """
    problems: list[str] = []
    warnings: list[str] = []
    packages = _packages(stack, problems, warnings.append)
    roots_of_machine = cache(machine_roots.read)
    certificates = {
        one.name: provided_certificate.read(one, problems, warnings.append, roots_of_machine)
        for one in stack.services
    }
    roots = _acme_roots(stack, problems)
    if stack.management.roots is not None:
        _roots(f"{NAMESPACE}:managementRoots", stack.management.roots, problems)
    for warning in dict.fromkeys(warnings):
        warn(warning)
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    return Inputs(
        {
            one.name: ServiceInputs(
                packages.get(one.model.path) if one.model.id is None else None,
                certificates[one.name],
                roots.get(_acme_file(one), ""),
            )
            for one in stack.services
        }
    )


def _packages(
    stack: Settings, problems: list[str], warn: Callable[[str], None]
) -> dict[Path | None, ModelPackage]:
    """The packages by their paths: what has the same files is one, and is tried out once."""
    found: dict[Path | None, ModelPackage] = {}
    by_digest: dict[str, ModelPackage] = {}
    named = [(one, one.model.path if one.model.id is None else None) for one in stack.services]
    for path, names in _by_file(named, "modelPackage"):
        try:
            package = model_package.read(path)
            if package.sha256 not in by_digest:
                package.try_out()
        except PackageError as error:
            problems.append(f"{names}: {error}")
            continue
        found[path] = by_digest.setdefault(package.sha256, package)
        for warning in package.warnings():
            warn(f"{names}: {warning}")
    return found


def _acme_roots(stack: Settings, problems: list[str]) -> dict[Path | None, str]:
    """The roots of private authorities that speak ACME, by their files."""
    # one that is served with another one's certificate names nothing itself
    named = [(one, _acme_file(one)) for one in stack.services if not one.served_by]
    return {file: _roots(names, file, problems) for file, names in _by_file(named, "acmeRootsFile")}


def _acme_file(service: DeclaredService) -> Path | None:
    authority = service.certificate.acme
    return authority.roots_file if authority else None


def _by_file(named: list[tuple[DeclaredService, Path | None]], key: str) -> Iterator[tuple[Path, str]]:
    """Each file that services name, and the settings that do so."""
    found: dict[Path, dict[str, None]] = {}
    for service, file in named:
        if file is not None:
            found.setdefault(file, {})[f"{NAMESPACE}:{service.setting(key)}"] = None
    for file, names in found.items():
        yield file, ", ".join(names)


def _roots(names: str, file: Path, problems: list[str]) -> str:
    from certs.errors import CertificateError
    from certs.sources.files import read_roots_file

    try:
        return read_roots_file(file)
    except CertificateError as error:
        problems.append(f"{names}: {error}")
        return ""
