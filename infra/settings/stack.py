"""The settings of a stack: all that differs from one to the next, read and checked once.

Knows nothing of Pulumi: it takes the configuration as the engine hands it out, a mapping from
`namespace:key` to a string (lists as JSON), and gives frozen dataclasses. Each setting stands at its field
(`infra.settings.table`); what does not go together is in `contradictions`, beside them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from clients.azure.settings import AzureSettings, is_azures_own
from infra.settings import azure as azure_settings
from infra.settings import certificate, domain, management, naming, table
from infra.settings.account import AccountSettings
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings
from infra.settings.kinds import integer, nothing_there, switch, text
from infra.settings.management import ManagementSettings
from infra.settings.reader import NAMESPACE, Reader, SettingsError, absolute
from infra.settings.table import Group, Setting, When


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The model.

    Attributes:
        name: what its physical name starts with.
        package: the package's path as it is configured; `path` is absolute. Empty where `id` is set.
        id: of a model that is registered already, by somebody else; None: the program registers the package.
    """

    package: Annotated[
        str,
        Setting(
            "modelPackage",
            text(),
            "The model package: a folder or zip with a service_def.json; relative to the checkout",
            required=When("modelId", ("",)),
            missing="it is the path of the folder or zip that holds service_def.json",
        ),
    ] = ""
    name: Annotated[
        str, Setting("modelName", text(naming.base_problem), "What the model's name starts with")
    ] = "model"
    id: Annotated[
        str | None,
        Setting(
            "modelId", text(), "Id of a model that somebody else has registered, in modelPackage's place"
        ),
    ] = None

    @property
    def path(self) -> Path:
        return absolute(self.package)


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """The service.

    Attributes:
        name: the very name; None: one that only this stack has is derived.
        adopt: take over a service that bears the set name already.
        check_timeout_s: how long the endpoint check waits for the record, in seconds.
        primary_key_generation, secondary_key_generation: from 1; one that is raised has that key made anew.
    """

    ssl_enabled: Annotated[
        bool, Setting("sslEnabled", switch(), "Serve TLS to holders of a key; false: anyone may call")
    ] = True
    primary_key_generation: Annotated[
        int,
        Setting(
            "primaryKeyGeneration",
            integer(1, 1_000_000),
            "Raised by one, it has the primary key made anew: the old one is refused at once",
        ),
    ] = 1
    secondary_key_generation: Annotated[
        int,
        Setting(
            "secondaryKeyGeneration",
            integer(1, 1_000_000),
            "Raised by one, it has the secondary key made anew: the old one is refused at once",
        ),
    ] = 1
    name: Annotated[
        str | None,
        Setting(
            "serviceName",
            text(naming.service_problem),
            "The service's very name; not set: a derived one",
        ),
    ] = None
    adopt: Annotated[
        bool, Setting("adopt", switch(), "Take over a service that bears serviceName already")
    ] = False
    check_timeout_s: Annotated[
        int,
        Setting(
            "checkTimeout",
            integer(1, 86400),
            "How long the endpoint check waits for the record, in seconds; not set: the TTL and 60",
        ),
    ] = 0


@dataclass(frozen=True, kw_only=True)
class ProtectionSettings:
    """The protection of what callers depend on from a mistake.

    Attributes:
        production: callers depend on the stack.
        protect: what could not be made again as it was is neither deleted nor replaced.
        retain_on_delete: what leaves the stack stays in the cloud.
    """

    production: Annotated[
        bool, Setting("production", switch(), "Callers depend on it: refuses self-signed certificates")
    ] = False
    protect: Annotated[
        bool,
        Setting(
            "protect",
            switch(),
            "Refuse to delete or replace the group, the account, the storage, the zone, the records, the "
            "service and its keys",
        ),
    ] = False
    retain_on_delete: Annotated[
        bool, Setting("retainOnDelete", switch(), "Leave in the cloud whatever is deleted from the stack")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that differs from stack to stack.

    Attributes:
        azure: the cloud of groups, storage and zones, and who signs in to it.
        management_cloud: the cloud of the account and the services: `azure`, or the management server.
    """

    azure: AzureSettings
    management_cloud: AzureSettings
    management: Annotated[
        ManagementSettings,
        Group("The management server: where the account and the service are, apart from all else"),
    ]
    account: Annotated[AccountSettings, Group("The Model Management account")]
    model: Annotated[ModelSettings, Group("The model")]
    domain: Annotated[DomainSettings, Group("1. The domain name")]
    certificate: Annotated[CertificateSettings, Group("2. The certificate")]
    service: Annotated[ServiceSettings, Group("3. The service")]
    protection: Annotated[ProtectionSettings, Group("What keeps it from mistakes")] = ProtectionSettings()


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
    reader = Reader(Settings, config, secret_keys)
    azure = azure_settings.gather(config, environ, reader.problems, secret_keys)
    settings = reader.read(azure=azure, management_cloud=azure)
    azure, management_cloud = management.clouds(settings.management, azure, config, environ, reader.problems)
    reader.find(list(_contradictions(settings)))
    if reader.problems:
        raise SettingsError(reader.problems)
    patience_s = settings.service.check_timeout_s or settings.domain.patience_s
    service = replace(settings.service, check_timeout_s=patience_s)
    return replace(settings, azure=azure, management_cloud=management_cloud, service=service)


def known() -> tuple[Setting, ...]:
    """Every setting of the program's own namespace, in the order of stack files."""
    return tuple(table.of(Settings).settings())


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings that do not go together: the key of each, and what is wrong with it."""
    if not settings.management.is_apart and is_azures_own(settings.azure.metadata_host):
        yield management.HOST, management.ENDED
    model = settings.model
    if model.id is not None and model.package:
        yield (
            "modelId",
            "and modelPackage are both set: the one names a model that is registered already, the other one "
            "a package that the program registers. Remove one of them "
            f"(`pulumi config rm {NAMESPACE}:modelId`)",
        )
    elif model.package and (problem := nothing_there(model.package)):
        yield "modelPackage", f"{problem}; `fpga model build` makes .local/model-package"
    yield from domain.contradictions(settings.domain)
    yield from certificate.contradictions(settings.certificate, production=settings.protection.production)
