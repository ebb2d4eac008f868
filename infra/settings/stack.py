"""The stack's configuration, read and checked once: every problem at once, each with its remedy.

Knows nothing of Pulumi: it takes the configuration as the engine hands it out, a mapping from
`namespace:key` to a string (lists as JSON), and gives frozen dataclasses.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from clients.azure.settings import AzureSettings
from infra.settings import account as account_settings
from infra.settings import azure as azure_settings
from infra.settings import certificate as certificate_settings
from infra.settings import domain as domain_settings
from infra.settings import naming
from infra.settings.account import AccountSettings
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings
from infra.settings.reader import NAMESPACE, Reader, Setting, SettingsError, absolute


@dataclass(frozen=True)
class ModelSettings:
    """The model.

    Attributes:
        name: what its physical name starts with.
        package: the package's path as it is configured; `path` is absolute. Empty where `id` is set.
        id: of a model that is registered already, by somebody else; None: the program registers the package.
    """

    name: str
    package: str
    id: str | None = None

    @property
    def path(self) -> Path:
        return absolute(self.package)


@dataclass(frozen=True)
class ServiceSettings:
    """The service.

    Attributes:
        name: the very name; None: one that only this stack has is derived.
        adopt: take over a service that bears the set name already.
        check_timeout_s: how long the endpoint check waits for the record, in seconds.
        primary_key_generation, secondary_key_generation: from 1; one that is raised has that key made anew.
    """

    name: str | None
    ssl_enabled: bool
    adopt: bool
    check_timeout_s: int
    primary_key_generation: int = 1
    secondary_key_generation: int = 1


@dataclass(frozen=True)
class ProtectionSettings:
    """What keeps a mistake from taking away what callers depend on.

    Attributes:
        protect: what could not be made again as it was is neither deleted nor replaced.
        retain_on_delete: what leaves the stack stays in the cloud.
    """

    protect: bool = False
    retain_on_delete: bool = False


@dataclass(frozen=True)
class Settings:
    """All that differs from stack to stack."""

    azure: AzureSettings
    account: AccountSettings
    model: ModelSettings
    domain: DomainSettings
    certificate: CertificateSettings
    service: ServiceSettings
    production: bool
    protection: ProtectionSettings = ProtectionSettings()


def read(
    config: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
    secret_keys: Collection[str] | None = None,
) -> Settings:
    """Reads and checks the whole configuration.

    Args:
        secret_keys: the keys whose values are encrypted in the stack's file; None: nobody knows.

    Raises:
        SettingsError: with every problem found.
    """
    reader = Reader(config, secret_keys)
    settings = _read(reader, config, environ)
    reader.refuse_unknown_keys()
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def known() -> tuple[Setting, ...]:
    """Every setting of the program's own namespace, as reading a configuration asks for it."""
    reader = Reader({})
    _read(reader, {}, {})
    return reader.settings


def _read(reader: Reader, config: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """All of it; what is wrong is in `reader.problems`, and the settings are of use only if nothing is."""
    azure = azure_settings.gather(config, environ, reader.problems, reader.secret_keys)
    production = reader.boolean(
        "production", default=False, about="Callers depend on it: refuses self-signed certificates"
    )
    protection = ProtectionSettings(
        protect=reader.boolean(
            "protect",
            default=False,
            about="Refuse to delete or replace the group, the account, the storage, the zone, the records, "
            "the service and its keys",
        ),
        retain_on_delete=reader.boolean(
            "retainOnDelete", default=False, about="Leave in the cloud whatever is deleted from the stack"
        ),
    )
    account = account_settings.read(reader)
    model = _model(reader)
    domain = domain_settings.read(reader)
    ssl_enabled = reader.boolean(
        "sslEnabled", default=True, about="Serve TLS to holders of a key; false: anyone may call"
    )
    certificate = certificate_settings.read(reader, production=production, ssl_enabled=ssl_enabled)
    service = ServiceSettings(
        name=reader.optional(
            "serviceName", naming.service_problem, about="The service's very name; not set: a derived one"
        ),
        ssl_enabled=ssl_enabled,
        adopt=reader.boolean(
            "adopt", default=False, about="Take over a service that bears serviceName already"
        ),
        check_timeout_s=reader.optional_integer(
            "checkTimeout",
            low=1,
            high=86400,
            about="How long the endpoint check waits for the record, in seconds; not set: the TTL and 60",
        )
        or domain.patience_s,
        primary_key_generation=_generation(reader, "primaryKeyGeneration", "the primary key"),
        secondary_key_generation=_generation(reader, "secondaryKeyGeneration", "the secondary key"),
    )
    return Settings(azure, account, model, domain, certificate, service, production, protection)


def _generation(reader: Reader, key: str, what: str) -> int:
    about = f"Raised by one, it has {what} made anew: the old one is refused at once"
    return reader.integer(key, default=1, low=1, high=1_000_000, about=about)


def _model(reader: Reader) -> ModelSettings:
    name = (
        reader.optional(
            "modelName", naming.base_problem, about="What the model's name starts with", default="model"
        )
        or "model"
    )
    registered = reader.optional(
        "modelId", about="Id of a model that somebody else has registered, in modelPackage's place"
    )
    about = "The model package: a folder or zip with a service_def.json; relative to the checkout"
    if registered is None:
        package = reader.path_text(
            "modelPackage",
            "the folder or zip that holds service_def.json",
            about=about,
            remedy="`fpga model build` makes .local/model-package",
        )
        return ModelSettings(name, package)
    if reader.optional("modelPackage", about=about):
        reader.refuse(
            "modelId",
            "and modelPackage are both set: the one names a model that is registered already, the other one "
            "a package that the program registers. Remove one of them "
            f"(`pulumi config rm {NAMESPACE}:modelId`)",
        )
    return ModelSettings(name, "", registered)
