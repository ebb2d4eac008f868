"""The services of a stack: the one of its flat settings, or those that `fpga-web-service:services` lists.

An item of the list is read by the tables of settings that a service has outside of it; what it does not say
is said there. An empty text in it takes that back: it is as if nobody had set it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Annotated, Any, Final

from infra.settings import (
    certificate,
    certificate_names,
    domain,
    listed,
    model,
    naming,
    service,
    shared_certificates,
    table,
    unique,
)
from infra.settings.certificate import CertificateSettings
from infra.settings.domain import DomainSettings
from infra.settings.kinds import text
from infra.settings.model import ModelSettings
from infra.settings.reader import NAMESPACE, Item, Reader
from infra.settings.service import ServiceSettings
from infra.settings.table import Group, Kind, Setting

KEY: Final = "services"
MODEL: Final = Group("The model")
DOMAIN: Final = Group("1. The domain name")
CERTIFICATE: Final = Group("2. The certificate")
SERVICE: Final = Group("3. The service")
ENCRYPTED: Final = (
    "is encrypted as a whole, or the stack's file, which says what in it is, is not where Pulumi.yaml has "
    "it: names end up where many may read them. Encrypt its secrets alone: "
    f"`pulumi config set --secret --path '{NAMESPACE}:{KEY}[0].certificateKey'`"
)
# of the domain, those that each service has for itself: all others are the zone's
_OF_DOMAIN: Final = frozenset({"fqdn", "canonicalName", "recordTtl"})
_ALTERNATIVES: Final = {"modelId": "modelPackage", "modelPackage": "modelId"}


@dataclass(frozen=True, kw_only=True)
class DeclaredService:
    """A service that a stack declares, with all of its settings.

    Attributes:
        name: logical; empty: that of the flat settings.
        domain: with the zone that all services share.
        takes_over: the list has it in the place of the flat settings' service, whose FQDN it has: what was
            that one's is its own.
        served_by: the logical name of the service whose certificate it is served with, and whose settings of
            one it has therefore; empty: its own.
        places: where each setting stands that may be in an item of the list; empty: outside of it.
    """

    name: str
    model: ModelSettings
    domain: DomainSettings
    certificate: CertificateSettings
    service: ServiceSettings
    takes_over: bool = False
    served_by: str = ""
    places: Mapping[str, str] = field(default_factory=dict, repr=False)

    def setting(self, key: str) -> str:
        """Where a setting stands, or would have to, without namespace: `services[2].fqdn`, or `fqdn`."""
        return self.places.get(key, key)


@dataclass(frozen=True, kw_only=True)
class _Item:
    name: Annotated[
        str,
        Setting("name", text(naming.logical_problem), "The service's logical name, that no other one has"),
    ]
    model: Annotated[ModelSettings, MODEL]
    domain: Annotated[DomainSettings, DOMAIN]
    certificate: Annotated[CertificateSettings, CERTIFICATE]
    service: Annotated[ServiceSettings, SERVICE]


SERVICES: Final = Kind(listed.read, {"type": "array", "minItems": 1})


@cache
def _apart() -> frozenset[str]:
    """The settings of a domain that no item has: they are the zone's."""
    return frozenset(one.key for one in table.of(DomainSettings).settings() if one.key not in _OF_DOMAIN)


@cache
def _known() -> dict[str, Setting]:
    """The settings that an item may have."""
    return {one.key: one for one in table.of(_Item).settings() if one.key not in _apart()}


def own_keys() -> frozenset[str]:
    """The flat settings that an item may have, too."""
    return frozenset(_known()) - {"name"}


def item_schema() -> dict[str, Any]:
    """What an item may hold, as JSON schema (draft 7)."""
    return {
        "type": "object",
        "properties": {key: _schema(one) for key, one in _known().items()},
        "required": ["name"],
        "additionalProperties": False,
    }


def _schema(setting: Setting) -> dict[str, Any]:
    schema = setting.kind.schema
    if setting.kind.secret:  # an empty text takes back the one outside of the list
        schema = {"anyOf": [schema, {"const": ""}]}
    return {"description": setting.line, **schema}


def read(
    items: Sequence[Any],
    config: Mapping[str, str],
    secret_keys: Collection[str] | None,
    *,
    top: Collection[str],
    flat_fqdn: str,
    production: bool,
) -> tuple[tuple[DeclaredService, ...], list[str]]:
    """The services of the list, and what is wrong, a sentence each; then they are of no use.

    Args:
        config: values by key with namespace, those outside of the list among them.
        secret_keys: the keys whose values are encrypted, and the places in the list; None: nobody knows.
        top: the keys of the settings that a stack may have.
        flat_fqdn: in A-labels; empty: none.
    """
    names = ((one.key, f"{NAMESPACE}:{one.key}") for one in table.of(_Item).settings() if one.key != "name")
    outside = {key: config[name] for key, name in names if name in config}
    problems: list[str] = []
    written = {}
    for number, raw in enumerate(items):
        own = listed.own(f"{KEY}[{number}]", raw, _known(), top, secret_keys or (), problems)
        if own is not None:
            written[f"{KEY}[{number}]"] = own
    sharing = shared_certificates.share_written(written, outside, flat_fqdn)
    found: dict[str, DeclaredService] = {}
    readers: dict[str, Reader[_Item]] = {}
    for place, own in written.items():
        is_served = place in sharing.holders
        given = _inherited(outside, own, without=() if place == sharing.owner else (certificate_names.KEY,))
        # one that is served with another's certificate needs none
        of_items = shared_certificates.all_keys() if is_served else ()
        reader = Reader(_Item, given, secret_keys, item=Item(place, own, _apart()), of_items=of_items)
        one = reader.read()
        reader.find(list(_contradictions(one, reader, is_served=is_served, production=production)))
        problems += reader.problems
        readers[place] = reader
        found[place] = _declared(one, reader, flat_fqdn)
    problems += _unused(outside, readers, sharing.holders)
    problems += unique.problems(found, sharing.holders)
    problems += sharing.problems
    # what is wrong outside of the list is found for each one that goes by it
    return _shared(found, sharing.holders), sorted(dict.fromkeys(problems), key=_number)


def _number(problem: str) -> int:
    """The number of the item that a problem is of; -1: it stands outside of the list."""
    place = re.match(rf"{NAMESPACE}:{KEY}\[(\d+)\]", problem)
    return int(place[1]) if place else -1


def _shared(found: Mapping[str, DeclaredService], holders: Mapping[str, str]) -> tuple[DeclaredService, ...]:
    """The services, those that are served with another one's certificate with its settings."""
    return tuple(
        replace(one, certificate=found[holders[place]].certificate, served_by=found[holders[place]].name)
        if place in holders
        else one
        for place, one in found.items()
    )


def _inherited(
    outside: Mapping[str, str], own: Mapping[str, str | None], *, without: Collection[str]
) -> dict[str, str]:
    """What an item goes by outside of the list, by key with namespace: without what its own stands in for."""
    replaced = {_ALTERNATIVES[key] for key, value in own.items() if value and key in _ALTERNATIVES}
    replaced.update(without)
    return {f"{NAMESPACE}:{key}": value for key, value in outside.items() if key not in replaced}


def _declared(item: _Item, reader: Reader[_Item], flat_fqdn: str) -> DeclaredService:
    patience_s = item.service.check_timeout_s or item.domain.patience_s
    return DeclaredService(
        name=item.name,
        model=item.model,
        domain=item.domain,
        certificate=item.certificate,
        service=replace(item.service, check_timeout_s=patience_s),
        takes_over=bool(flat_fqdn) and item.domain.fqdn == flat_fqdn,
        places={key: reader.place(key) for key in _known()},
    )


def _contradictions(
    item: _Item, reader: Reader[_Item], *, is_served: bool, production: bool
) -> Iterator[tuple[str, str]]:
    clash = unique.clash_with_the_catalogue(item.name)
    if clash:
        yield "name", f"is '{item.name}', {clash}: choose another one"
    yield from model.contradictions(item.model, reader.named)
    yield from domain.contradictions(item.domain)
    yield from service.contradictions(item.service, reader.named)
    if is_served:
        return
    yield from certificate.contradictions(item.certificate, reader.named, production=production)
    yield from certificate_names.contradictions(item.certificate.names, item.domain)


def _unused(
    outside: Mapping[str, str], readers: Mapping[str, Reader[_Item]], served: Collection[str]
) -> Iterator[str]:
    """The problems of settings outside of the list that belong to a source, say, that no service has.

    Args:
        served: the places of those that have no certificate of their own.
    """
    for key, written in outside.items():
        when = _known()[key].when if key in _known() and key != certificate_names.KEY else None
        if when is None or not written.strip() or not readers:
            continue
        without = served if key in shared_certificates.all_keys() else ()
        if any(one.uses(key) for place, one in readers.items() if place not in without):
            continue
        others = f" to {' or '.join(when.among)}" if when.among else ""
        remedy = f"remove it, or set {when.key}{others} for one"
        yield f"{NAMESPACE}:{key} is not used by any of the services: {remedy}"
