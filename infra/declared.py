"""The Azure resources that a stack's settings declare, each with its ID, told without running the program.

`pulumi import` takes over what exists by an ID. An end-to-end test compares them with a deployed stack's
state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from infra import catalogue
from infra.catalogue import Component, Kind
from infra.settings import Settings, naming
from infra.settings.services import DeclaredService

CONTAINER: Final = "models"
"""Name of the blob container that holds the model packages."""


@dataclass(frozen=True)
class Declared:
    """An Azure resource that the program declares.

    Attributes:
        name: logical name.
        id: resource ID.
        location: the region that the program declares; another one would have the engine replace it.
        on_server: it is on the management server, where that is apart from all else.
        of: the component that it is in, where that is not its kind's.
    """

    kind: Kind
    name: str
    id: str
    location: str | None = None
    on_server: bool = False
    of: Component | None = None

    @property
    def component(self) -> Component:
        """The component that it is in: that of its kind, unless it says another."""
        return self.of or self.kind.component


def resources(stack: Settings) -> list[Declared]:
    """The Azure resources of a stack, what holds others first."""
    account, is_apart = stack.account, stack.management.is_apart
    group_id, account_group_id = _group_id(stack), _account_group_id(stack)
    packages_there = is_apart and stack.management.holds_packages
    storage_group_id = account_group_id if packages_there else group_id
    storage_id = f"{storage_group_id}/providers/Microsoft.Storage/storageAccounts/{storage_account(stack)}"
    container_id = f"{storage_id}/blobServices/default/containers/{CONTAINER}"
    group = _declared(catalogue.RESOURCE_GROUP, group_id, account.group_location)
    of_account = replace(group, name=catalogue.MANAGEMENT_GROUP, id=account_group_id, on_server=True)
    others = {one.name for one in existing(stack)}
    every = [
        group,
        *([of_account] if is_apart else []),
        replace(_declared(catalogue.ACCOUNT, account_id(stack), account.location), on_server=is_apart),
        replace(_declared(catalogue.STORAGE_ACCOUNT, storage_id, account.location), on_server=packages_there),
        replace(_declared(catalogue.BLOB_CONTAINER, container_id), on_server=packages_there),
        *_domain(stack),
    ]
    return [one for one in every if one.name not in others]


def existing(stack: Settings) -> list[Declared]:
    """The Azure resources that are there already and others keep.

    Each has the logical name of what the stack would make in its place.
    """
    account, is_apart = stack.account, stack.management.is_apart
    found = []
    if account.group_exists:
        found.append(_declared(catalogue.RESOURCE_GROUP, _group_id(stack)))
    if account.exists:
        if is_apart and not stack.management.holds_packages:
            group_id = account_id(stack).partition("/providers/")[0]
            found.append(
                Declared(catalogue.RESOURCE_GROUP, catalogue.MANAGEMENT_GROUP, group_id, on_server=True)
            )
        found.append(replace(_declared(catalogue.ACCOUNT, account_id(stack)), on_server=is_apart))
    if stack.domain.exists:
        found.append(_declared(catalogue.ZONE, zone_id(stack)))
    return found


def records(stack: Settings) -> list[Declared]:
    """The record sets of a stack, each with its ID."""
    return [one for one in _domain(stack) if one.kind is catalogue.RECORD_SET]


def account_id(stack: Settings) -> str:
    """The resource ID of the Model Management account."""
    group_id = _account_group_id(stack, stack.account.account_group)
    return f"{group_id}/providers/{catalogue.ACCOUNT_PROVIDER}/accounts/{stack.account.name}"


def zone_id(stack: Settings) -> str:
    """The resource ID of the DNS zone."""
    group_id = _group_id(stack, stack.domain.zone_group)
    return f"{group_id}/providers/Microsoft.Network/dnsZones/{stack.domain.zone}"


def storage_account(stack: Settings) -> str:
    """The storage account's name: the one that is set, else one that only this account gives."""
    account = stack.account
    return account.storage_account or naming.derived_storage_account(
        stack.azure.subscription_id, account.resource_group, account.name
    )


def service_name(service: DeclaredService, project: str, stack_name: str) -> str:
    """A service's name: the one that is set, else one that only this stack gives it."""
    component = _component(service).name
    return service.service.name or derived_service_name(component, project, stack_name)


def derived_service_name(component: str, project: str, stack_name: str) -> str:
    """A service's name that only this stack gives it.

    Args:
        component: the logical name of the scoring endpoint that it is in.
    """
    logical = catalogue.SCORING_ENDPOINT.child(component, catalogue.SERVICE.name)
    base = catalogue.SERVICE.name if logical == catalogue.SERVICE.name else component
    return naming.suffixed(base, project, stack_name, logical)


def logical_name(service: DeclaredService, base: str) -> str:
    """The logical name of a service's resource: `base` as the catalogue has it, after the service's own."""
    component = catalogue.SCORING_ENDPOINT
    return component.child(service.name or component.name, base)


def _group_id(stack: Settings, group: str | None = None) -> str:
    own = stack.account.resource_group
    return f"/subscriptions/{stack.azure.subscription_id}/resourceGroups/{group or own}"


def _account_group_id(stack: Settings, group: str | None = None) -> str:
    own, subscription = stack.account.resource_group, stack.management_cloud.subscription_id
    return f"/subscriptions/{subscription}/resourceGroups/{group or own}"


def _declared(kind: Kind, id_: str, location: str | None = None) -> Declared:
    return Declared(kind, kind.name, id_, location)


def _domain(stack: Settings) -> Iterator[Declared]:
    domain, of_zone = stack.domain, zone_id(stack)
    yield _declared(catalogue.ZONE, of_zone)

    if domain.caa_issuers:
        yield _record_set(catalogue.CAA_RECORD, of_zone, "CAA", "@", catalogue.DOMAIN)
    for service in stack.services:
        of, names = _component(service), service.domain
        of_record = logical_name(service, catalogue.RECORD_SET.name)
        relative = naming.relative_record_name(names.fqdn, names.zone)
        if names.canonical_name:
            of_canonical = logical_name(service, catalogue.CANONICAL_RECORD)
            canonical = naming.relative_record_name(names.canonical_name, names.zone)
            yield _record_set(of_canonical, of_zone, "A", canonical, of)
            yield _record_set(of_record, of_zone, "CNAME", relative, of)
        else:
            yield _record_set(of_record, of_zone, "A", relative, of)


def _record_set(name: str, of_zone: str, kind: str, relative: str, of: Component) -> Declared:
    return Declared(catalogue.RECORD_SET, name, f"{of_zone}/{kind}/{relative}", of=of)


def _component(service: DeclaredService) -> Component:
    """The component that a service's resources are in."""
    component = catalogue.SCORING_ENDPOINT
    return replace(component, name=service.name) if service.name else component
