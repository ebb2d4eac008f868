"""The settings of a stack: all that differs from one to the next, read and checked once.

Knows nothing of Pulumi: it takes the configuration as the engine hands it out, a mapping from
`namespace:key` to a string (lists as JSON), and gives frozen dataclasses. Each setting stands at its field
(`infra.settings.table`); what does not go together is in `contradictions`, beside them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from clients.azure.settings import AzureSettings, is_azures_own
from infra.settings import azure as azure_settings
from infra.settings import (
    certificate,
    certificate_names,
    domain,
    existing,
    management,
    model,
    service,
    services,
    table,
)
from infra.settings.account import MAX_CAPACITY, AccountSettings
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings
from infra.settings.kinds import switch
from infra.settings.management import ManagementSettings
from infra.settings.model import ModelSettings
from infra.settings.reader import NAMESPACE, Reader, SettingsError
from infra.settings.service import ServiceSettings
from infra.settings.services import DeclaredService
from infra.settings.table import Group, Setting


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
        model, domain, certificate, service: as they are outside of the list of services, where there is one:
            then they are of the stack in what all of those share.
        services: those of the list, else the one of these.
    """

    azure: AzureSettings
    management_cloud: AzureSettings
    management: Annotated[
        ManagementSettings,
        Group("The management server: where the account and the service are, apart from all else"),
    ]
    account: Annotated[AccountSettings, Group("The Model Management account")]
    model: Annotated[ModelSettings, services.MODEL]
    domain: Annotated[DomainSettings, services.DOMAIN]
    certificate: Annotated[CertificateSettings, services.CERTIFICATE]
    service: Annotated[ServiceSettings, services.SERVICE]
    services: Annotated[
        tuple[DeclaredService, ...],
        Setting(
            services.KEY,
            services.SERVICES,
            "The services, where there are several: each its name, and what differs from the settings above",
            section="Several services",
        ),
    ] = ()
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
    is_listed = bool(config.get(f"{NAMESPACE}:{services.KEY}", "").strip())
    reader = Reader(Settings, config, secret_keys, of_items=services.own_keys() if is_listed else ())
    azure = azure_settings.gather(config, environ, reader.problems, secret_keys)
    settings = reader.read(azure=azure, management_cloud=azure)
    azure, management_cloud = management.clouds(settings.management, azure, config, environ, reader.problems)
    reader.find(list(_contradictions(settings)))
    found = _listed(settings, config, secret_keys, reader) if is_listed else _flat(settings, reader)
    if reader.problems:
        raise SettingsError(reader.problems)
    (first, *_) = found
    own = settings.service if is_listed else first.service
    return replace(settings, azure=azure, management_cloud=management_cloud, service=own, services=found)


def known() -> tuple[Setting, ...]:
    """Every setting of the program's own namespace, in the order of stack files."""
    return tuple(table.of(Settings).settings())


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings of the whole stack that do not go together: the key of each, and what is wrong with it."""
    if not settings.management.is_apart and is_azures_own(settings.azure.metadata_host):
        yield management.HOST, management.ENDED
    yield from existing.contradictions(settings)


def _flat(settings: Settings, reader: Reader[Settings]) -> tuple[DeclaredService, ...]:
    """The one service of flat settings; what is wrong with it goes to the reader's problems."""
    contradictions = (
        model.contradictions(settings.model, reader.named),
        domain.contradictions(settings.domain),
        certificate.contradictions(
            settings.certificate, reader.named, production=settings.protection.production
        ),
        certificate_names.contradictions(settings.certificate.names, settings.domain),
        service.contradictions(settings.service, reader.named),
        _short_of(settings.account, settings.service),
    )
    reader.find([one for of_group in contradictions for one in of_group])
    patience_s = settings.service.check_timeout_s or settings.domain.patience_s
    patient = replace(settings.service, check_timeout_s=patience_s)
    return (
        DeclaredService(
            name="",
            model=settings.model,
            domain=settings.domain,
            certificate=settings.certificate,
            service=patient,
        ),
    )


def _listed(
    settings: Settings,
    config: Mapping[str, str],
    secret_keys: Collection[str] | None,
    reader: Reader[Settings],
) -> tuple[DeclaredService, ...]:
    """The services of the list; what is wrong with them goes to the reader's problems."""
    if f"{NAMESPACE}:{services.KEY}" in (secret_keys or ()):
        reader.find([(services.KEY, services.ENCRYPTED)])
        return ()
    found, problems = services.read(
        settings.services,
        config,
        secret_keys,
        top=frozenset(one.key for one in known()),
        flat_fqdn=settings.domain.fqdn,
        production=settings.protection.production,
    )
    reader.find(list(_crowded(settings.account, found, len(settings.services))))
    told = frozenset(reader.problems)
    reader.problems += (problem for problem in problems if problem not in told)
    return found


def _short_of(account: AccountSettings, service: ServiceSettings) -> Iterator[tuple[str, str]]:
    """The problem of an account of this stack's own that has fewer FPGAs than its one service is to have.

    An account that is there already is looked at itself.
    """
    if account.exists or service.fpgas <= account.capacity:
        return
    yield (
        "maxReplicas" if service.max_replicas else "replicas",
        f"is {service.fpgas}, and accountCapacity is {account.capacity}, an FPGA for each replica: "
        f"`pulumi config set {NAMESPACE}:accountCapacity {service.fpgas}`, or lower it",
    )


def _crowded(
    account: AccountSettings, found: Sequence[DeclaredService], services_listed: int
) -> Iterator[tuple[str, str]]:
    """The problem of an account of this stack's own that has fewer FPGAs than the services of the list.

    Args:
        found: those of the list that could be read: each other one is to have an FPGA at least.
    """
    wanted = sum(one.service.fpgas for one in found) + services_listed - len(found)
    if account.exists or wanted <= account.capacity:
        return
    if wanted == services_listed > MAX_CAPACITY:
        yield (
            services.KEY,
            f"lists {services_listed} services, each of which holds an FPGA, and an account has "
            f"{MAX_CAPACITY} at most: divide them among stacks with an account each; one zone may be for "
            f"them all ({NAMESPACE}:zoneExists)",
        )
    elif wanted == services_listed:
        yield (
            "accountCapacity",
            f"is {account.capacity}, and each of the {services_listed} services holds an FPGA: "
            f"`pulumi config set {NAMESPACE}:accountCapacity {services_listed}`",
        )
    else:
        several = ", ".join(f"{one.name} {one.service.fpgas}" for one in found if one.service.fpgas > 1)
        held = f"{wanted} FPGAs for their replicas ({several})"
        if wanted > MAX_CAPACITY:
            yield (
                services.KEY,
                f"lists services that hold {held}, and an account has {MAX_CAPACITY} at most: lower replicas "
                "or maxReplicas, or divide the services among stacks with an account each",
            )
        else:
            yield (
                "accountCapacity",
                f"is {account.capacity}, and the services hold {held}: "
                f"`pulumi config set {NAMESPACE}:accountCapacity {wanted}`, or lower replicas or maxReplicas",
            )
