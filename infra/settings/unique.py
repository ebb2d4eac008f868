"""Names and accounts that two services of a stack must not both have, or not have in two ways."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from infra import catalogue
from infra.settings.acme import AcmeSettings
from infra.settings.reader import NAMESPACE

if TYPE_CHECKING:
    from infra.settings.services import DeclaredService

# the resources of a service, each named after it
_INSIDE: Final = frozenset(
    {kind.name for kind in catalogue.KINDS if kind.component == catalogue.SCORING_ENDPOINT}
    | {catalogue.CANONICAL_RECORD, catalogue.CERTIFICATE.name}
)
_TAKEN: Final = frozenset(
    {kind.name for kind in catalogue.KINDS}
    | {kind.component.name for kind in catalogue.KINDS}
    | {catalogue.MANAGEMENT_GROUP, catalogue.MANAGEMENT_PROVIDER}
    | {catalogue.CANONICAL_RECORD, catalogue.CAA_RECORD}
)


def problems(found: Mapping[str, DeclaredService], served: Collection[str]) -> Iterator[str]:
    """The problems of what two services have, and one alone may have.

    Args:
        found: by the places where they stand.
        served: the places of those that have no certificate of their own.
    """
    logical: dict[str, str] = {}
    physical: dict[str, str] = {}
    records: dict[str, str] = {}
    for place, one in found.items():
        for of_service in _logical_names(one.name):
            before = logical.get(of_service)
            if before:
                yield (
                    f"{NAMESPACE}:{place}.name is '{one.name}', and {before}: their resources would have one "
                    "name. Choose another one"
                )
                break
        logical |= dict.fromkeys(_logical_names(one.name), f"{place}.name is '{one.name}'")
        for key, domain_name in (("fqdn", one.domain.fqdn), ("canonicalName", one.domain.canonical_name)):
            if not domain_name:
                continue
            before = records.get(domain_name)
            if before and not before.startswith(f"{place}."):
                yield _same(place, key, domain_name, before)
            records.setdefault(domain_name, f"{place}.{key}")
        name = one.service.name
        if name:
            before = physical.setdefault(name.lower(), f"{place}.serviceName")
            if before != f"{place}.serviceName":
                yield _same(place, "serviceName", name, before)
    yield from _of_one_account({place: one for place, one in found.items() if place not in served})


def _of_one_account(found: Mapping[str, DeclaredService]) -> Iterator[str]:
    """The problems of services that are one customer of an authority, which knows that by one key."""
    accounts: dict[tuple[str, str, str], tuple[str, AcmeSettings]] = {}
    for place, one in found.items():
        authority = one.certificate.acme
        if authority is None or not authority.directory:
            continue
        customer = (authority.directory, authority.email, authority.eab_key_id)
        before, other = accounts.setdefault(customer, (place, authority))
        for key, is_same in (
            ("acmeEabHmacKey", authority.eab_hmac_key == other.eab_hmac_key),
            ("acmeRootsFile", authority.roots_file == other.roots_file),
        ):
            if not is_same:
                yield (
                    f"{NAMESPACE}:{place}.{key} is not that of {before}, and both have one account, that of "
                    "one acmeDirectory, acmeEmail and acmeEabKeyId: set it outside of the list alone"
                )


def _same(place: str, key: str, value: str, before: str) -> str:
    name = f"{NAMESPACE}:{place}.{key}"
    return (
        f"{name} is '{value}', and so is {before}: each service has its own. "
        f"`pulumi config set --path '{name}' VALUE`"
    )


def _logical_names(name: str) -> set[str]:
    """The logical names of a service and of what is in it, in lower case; none without a name."""
    return {name.lower(), *(f"{name.lower()}-{inside}" for inside in _INSIDE)} if name else set()


def clash_with_the_catalogue(name: str) -> str:
    """The problem of a name that the stack's own resources have, as a part of a sentence; empty: none."""
    clash = _logical_names(name) & _TAKEN
    return f"and '{min(clash)}' is the name of a resource that a stack has already" if clash else ""
