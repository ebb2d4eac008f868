"""The look at what others keep and a stack uses, before anything changes: all that is wrong, at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra import catalogue, declared
from infra.settings import Settings, existing
from infra.settings.account import LOCATION, MAX_CAPACITY, SKUS
from infra.settings.reader import NAMESPACE

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from clients.azure.model_management import Service

_WITH_ARTICLE: Final = {"A": "an A", "CNAME": "a CNAME"}
_ANOTHER: Final = f"set {NAMESPACE}:account and {NAMESPACE}:accountResourceGroup to another one"
_NAMES: Final = (
    (catalogue.RECORD_SET.name, "fqdn", "fqdn"),
    (catalogue.CANONICAL_RECORD, "canonicalName", "canonical_name"),
)
_AT_A_TIME: Final = 8


@dataclass(frozen=True)
class Own:
    """What the stack has already.

    Attributes:
        services: the names of its services in the cloud, by their logical names.
        records: the resource IDs of its record sets, in lower case.
        storage: the names of its storage accounts.
    """

    services: Mapping[str, str]
    records: frozenset[str]
    storage: frozenset[str]


def problems(stack: Settings, own: Own, project: str, stack_name: str) -> list[str]:
    """What is wrong with what others keep, and the settings say is there: a sentence each, with its remedy.

    Args:
        own: what is the stack's already.
    """
    from clients.azure.cloud import Cloud
    from clients.azure.errors import ClientError

    roots = stack.management.roots
    clouds = [Cloud(stack.azure)]
    if stack.management.is_apart:
        clouds.append(Cloud(stack.management_cloud, ca_file=str(roots) if roots else None))
    try:
        return list(_problems(stack, service_names(stack, own, project, stack_name), own, clouds))
    except ClientError as error:  # it names the setting
        return [str(error)]
    finally:
        for cloud in clouds:
            cloud.close()


def _problems(
    stack: Settings, services: Mapping[str, str], own: Own, clouds: Sequence[Cloud]
) -> Iterator[str]:
    for one in declared.existing(stack):
        if one.name == catalogue.MANAGEMENT_GROUP:  # the account in it is looked at
            continue
        cloud = clouds[-1] if one.on_server else clouds[0]
        found = _get(cloud, one.id, one.kind.api_version)
        if found is None:
            yield existing.of(one.id).missing(one.id)
        elif one.name == catalogue.RESOURCE_GROUP.name:
            yield from _storage_taken(stack, own, cloud)
        elif one.kind is catalogue.ACCOUNT:
            reasons = list(unfit(stack.account.name, found))
            yield from reasons
            if not reasons:
                from clients.azure.model_management import ModelManagement

                there = ModelManagement(cloud, one.id).services()
                capacity = int(found["sku"].get("capacity") or 1)
                wanted = sum(one.service.fpgas for one in stack.services)
                yield from crowded(stack.account.name, capacity, there, services, own, wanted)
        elif one.kind is catalogue.ZONE:
            yield from _taken(stack, own, cloud)


def service_names(stack: Settings, own: Own, project: str, stack_name: str) -> dict[str, str]:
    """The names that the declared services are to have, by the logical names that the state knows them by."""
    names = {}
    for one in stack.services:
        logical_name = declared.logical_name(one, catalogue.SERVICE.name)
        if one.takes_over and logical_name not in own.services:
            logical_name = catalogue.SERVICE.name  # of the flat settings' service, which it was
        names[logical_name] = declared.service_name(one, project, stack_name)
    return names


def unfit(account: str, found: Mapping[str, Any]) -> Iterator[str]:
    """The reasons why FPGA services cannot be in an account, as Resource Manager tells it."""
    location = str(found.get("location") or "").replace(" ", "").lower()
    tier = str((found.get("sku") or {}).get("name") or "")
    if location != LOCATION:
        yield f"{_begins(account)} is in {location}: FPGA services exist in {LOCATION} only; {_ANOTHER}"
    if tier.upper() not in SKUS:
        yield (
            f"{_begins(account)} has the pricing tier {tier or '(none)'}, which FPGA services do not "
            f"support: have its keepers give it {', '.join(SKUS[:-1])} or {SKUS[-1]} (S1 is enough), or "
            f"{_ANOTHER}"
        )


def crowded(
    account: str,
    capacity: int,
    there: Sequence[Service],
    services: Mapping[str, str],
    own: Own,
    wanted: int,
) -> Iterator[str]:
    """The reason why the services that are declared do not fit into an account.

    What the stack has and declares no more holds its FPGA until the end of the update.

    Args:
        there: the services of the account.
        services: those that are declared, as `service_names` gives them.
        wanted: how many FPGAs they are to hold together.
    """
    ours = {own.services.get(logical_name, name) for logical_name, name in services.items()}
    ours |= set(services.values())
    held = {one.name: one.fpgas for one in there if one.name not in ours and one.fpgas}
    if sum(held.values()) + wanted > capacity:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(held.items())) or "nobody"
        yield (
            f"{_begins(account)} has a capacity of {capacity}: this stack's services need {wanted}, "
            f"and others hold {sum(held.values())}: {names}. Have its keepers raise the capacity (at most "
            f"{MAX_CAPACITY}) or delete a service, or {_ANOTHER}"
        )


def _begins(account: str) -> str:
    return f"{NAMESPACE}:accountExists is true, and the account '{account}'"


def _storage_taken(stack: Settings, own: Own, cloud: Cloud) -> Iterator[str]:
    """The storage account that another stack in the group has, whose account has the same name."""
    name = declared.storage_account(stack)
    for one in declared.resources(stack):
        is_one = one.kind is catalogue.STORAGE_ACCOUNT and not one.on_server and name not in own.storage
        if is_one and _get(cloud, one.id, one.kind.api_version) is not None:
            by_default = "" if stack.account.storage_account else " by default"
            yield (
                f"{NAMESPACE}:storageAccount is '{name}'{by_default}, and the group of others, "
                f"'{stack.account.resource_group}', has it already: set it to another name, or, where it is "
                "to be this stack's, `fpga adopt` takes it over"
            )


def _taken(stack: Settings, own: Own, cloud: Cloud) -> Iterator[str]:
    """The names in the zone that others have records of."""
    settings = {
        declared.logical_name(service, base): (service.setting(key), getattr(service.domain, field))
        for service in stack.services
        for base, key, field in _NAMES
    }
    wanted = [one for one in declared.records(stack) if one.id.lower() not in own.records]
    # the one type shuts out the other (RFC 1034, 3.6.2)
    looked_for = [(one, type_, _of_type(one.id, type_)) for one in wanted for type_ in _WITH_ARTICLE]
    looked_for = [one for one in looked_for if one[2].lower() not in own.records]
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        found = threads.map(lambda one: _get(cloud, one[2], one[0].kind.api_version), looked_for)
    for (one, type_, other_id), body in zip(looked_for, found, strict=True):
        if body is None:
            continue
        setting, name = settings[one.name]
        remedy = "have its keepers remove it"
        if other_id == one.id:
            remedy = "where it is to be this stack's, `fpga adopt` takes it over"
        yield (
            f"{NAMESPACE}:{setting} is '{name}', and the zone of others has {_WITH_ARTICLE[type_]} record of "
            f"that name already: choose another name, or {remedy}"
        )


def _of_type(record_id: str, type_: str) -> str:
    """The ID of the record set of another type and the same name."""
    zone_id, _, relative = record_id.rsplit("/", 2)
    return f"{zone_id}/{type_}/{relative}"


def _get(cloud: Cloud, resource_id: str, api_version: str) -> Mapping[str, Any] | None:
    from clients.azure.errors import NotFound

    try:
        return cloud.manage("GET", resource_id, api_version)
    except NotFound as error:
        if error.code == "SubscriptionNotFound":
            raise
        return None
