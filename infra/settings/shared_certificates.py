"""Which service of a list is served with which one's certificate: pure, by the names that each is for.

A service whose FQDN stands in another one's `certificateFor` is served with that certificate, and has none of
its own. One that a wildcard there covers is, too, unless it has a certificate of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from infra.settings import certificate_names, table
from infra.settings.certificate import ISSUING, SOURCE, CertificateSettings
from infra.settings.reader import NAMESPACE

_OWN: Final = frozenset({SOURCE, certificate_names.KEY})


@cache
def all_keys() -> frozenset[str]:
    """The settings of a certificate: a service that is served with another one's has none of them."""
    return frozenset(one.key for one in table.of(CertificateSettings).settings())


@dataclass(frozen=True)
class Wanted:
    """A service of the list, as far as its certificate's names go.

    Attributes:
        place: where it stands, `services[2]`.
        fqdn: in A-labels; empty: it has none, or none that is good.
        names: those that its item lists for its certificate beside the FQDN, as far as they are good.
        own: the keys of settings of a certificate that stand in its item.
        issued: its source issues certificates.
    """

    place: str
    fqdn: str
    names: tuple[str, ...]
    own: frozenset[str]
    issued: bool


@dataclass(frozen=True)
class Sharing:
    """The outcome.

    Attributes:
        holders: the place of each service that is served with another one's certificate, and that one's.
        owner: the place of the one whose certificate is for the names outside of the list; None: nobody's.
        problems: what is wrong, a sentence each.
    """

    holders: Mapping[str, str]
    owner: str | None
    problems: tuple[str, ...]


def share_written(
    written: Mapping[str, Mapping[str, str | None]], outside: Mapping[str, str], flat_fqdn: str
) -> Sharing:
    """As `share`, by what is written, as far as that is good.

    Args:
        written: the settings of each item, by its place: texts, lists as JSON.
        outside: those outside of the list.
    """

    def wanted(place: str, own: Mapping[str, str | None]) -> Wanted:
        def text_of(key: str) -> str:
            return ((own[key] if key in own else outside.get(key)) or "").strip()

        return Wanted(
            place=place,
            fqdn=certificate_names.good_fqdn(text_of("fqdn")),
            names=certificate_names.good(own.get(certificate_names.KEY) or ""),
            own=all_keys() & own.keys(),
            issued=text_of(SOURCE) in ISSUING,
        )

    names = certificate_names.good(outside.get(certificate_names.KEY, "").strip())
    return share([wanted(*one) for one in written.items()], names, flat_fqdn)


def share(wanted: Sequence[Wanted], outside: Collection[str], flat_fqdn: str) -> Sharing:
    """Tells who is served with whose certificate.

    Args:
        outside: the names that `certificateFor` outside of the list holds; empty: none.
        flat_fqdn: that outside of the list: the service that has it goes by those names first of all.
    """
    listed = {one.place: one.names for one in wanted if one.names}
    owner = _owner(wanted, outside, listed, flat_fqdn) if outside else None
    places = {place: f"{place}.{certificate_names.KEY}" for place in listed}
    if owner is not None:
        listed[owner], places[owner] = tuple(outside), certificate_names.KEY
    problems = [*_twice(listed, places)]
    if outside and owner is None:
        problems.append(
            f"{NAMESPACE}:{certificate_names.KEY} is not used by any of the services: remove it, or set it "
            f"for one whose {SOURCE} is {' or '.join(ISSUING)}"
        )
    holders = {}
    for one in wanted:
        holder = _holder(one, listed)
        if holder is None:
            continue
        holders[one.place] = holder
        problems += _superfluous(one, places[holder])
    return Sharing(holders, owner, tuple(problems))


def _owner(
    wanted: Sequence[Wanted], outside: Collection[str], listed: Mapping[str, tuple[str, ...]], flat_fqdn: str
) -> str | None:
    held = {name for names in listed.values() for name in names}
    free = [
        one
        for one in wanted
        if one.issued and one.fqdn and one.fqdn not in held and certificate_names.KEY not in one.own
    ]
    ranked = sorted(free, key=lambda one: one.fqdn != flat_fqdn)
    return next((one.place for one in ranked if one.fqdn == flat_fqdn or one.fqdn not in outside), None)


def _holder(one: Wanted, listed: Mapping[str, tuple[str, ...]]) -> str | None:
    others = {place: names for place, names in listed.items() if place != one.place}
    by_name = next((place for place, names in others.items() if one.fqdn in names), None)
    if by_name is not None or one.own & _OWN or one.place in listed:
        return by_name
    covering = f"*.{one.fqdn.partition('.')[2]}"
    return next((place for place, names in others.items() if covering in names), None)


def _twice(listed: Mapping[str, tuple[str, ...]], places: Mapping[str, str]) -> Iterator[str]:
    """The problems of names that two certificates are for."""
    first: dict[str, str] = {}
    for place, names in listed.items():
        for name in names:
            before = first.setdefault(name, place)
            if before != place:
                yield (
                    f"{NAMESPACE}:{places[place]} holds '{name}', and so does {places[before]}: a name is "
                    "of one certificate. Remove it from one of them"
                )


def _superfluous(one: Wanted, where: str) -> Iterator[str]:
    """The problems of settings of a certificate that is not served."""
    for key in sorted(one.own, key=lambda key: (key != SOURCE, key)):
        name = f"{NAMESPACE}:{one.place}.{key}"
        yield (
            f"{name} is not used: {where} holds '{one.fqdn}', or a wildcard over it, so that certificate is "
            f"served. Remove it (`pulumi config rm --path '{name}'`), or the name there"
        )
