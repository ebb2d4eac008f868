"""The names that a certificate is for beside the service's FQDN: `fpga-web-service:certificateFor`.

All of them are proved in the stack's zone, and issued by one order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from infra.settings import naming
from infra.settings.domain import DomainSettings
from infra.settings.kinds import items
from infra.settings.table import Kind, Unfit

KEY: Final = "certificateFor"
MAXIMUM: Final = 100
"""So many names Let's Encrypt takes for one certificate (letsencrypt.org/docs/rate-limits); by its profiles
`tlsserver` and `shortlived` 25 (letsencrypt.org/docs/profiles), which it says itself."""


def _read(written: str) -> tuple[str, ...]:
    names: dict[str, str] = {}
    problems = []
    for item in items(written):
        try:
            name = naming.certificate_name(item)
        except ValueError as error:
            problems.append(f"holds '{item}': it {error}")
            continue
        if name in names:
            as_written = "" if names[name] == item else f", as '{names[name]}' and as '{item}'"
            problems.append(f"holds '{name}' twice{as_written}: remove one")
        names.setdefault(name, item)
    if len(names) >= MAXIMUM:
        problems.append(
            f"holds {len(names)} names: with the fqdn a certificate takes {MAXIMUM} (Let's Encrypt's limit). "
            "Share them among several"
        )
    if problems:
        raise Unfit(*problems)
    return tuple(names)


def good(written: str) -> tuple[str, ...]:
    """The names in what is written that are some: what is wrong is told where they are read."""
    found = []
    for item in items(written):
        with suppress(ValueError):
            found.append(naming.certificate_name(item))
    return tuple(dict.fromkeys(found))


def good_fqdn(written: str) -> str:
    """A service's FQDN in A-labels; empty: it is none."""
    try:
        return naming.a_labels(written)
    except ValueError:
        return ""


_NAME: Final = {"type": "string"}
KIND: Final = Kind(
    _read,
    {"anyOf": [_NAME, {"type": "array", "items": _NAME, "maxItems": MAXIMUM - 1, "uniqueItems": True}]},
    many=True,
)


def contradictions(names: tuple[str, ...], domain: DomainSettings) -> Iterator[tuple[str, str]]:
    """The names that do not go together with the domain, or with each other: the key, and what is wrong."""
    zone, fqdn = domain.zone, domain.fqdn
    for name in names:
        if zone and not naming.is_under(name.removeprefix("*."), zone):
            yield (
                KEY,
                f"holds '{name}', which is not under the zone '{zone}', where names are proved: choose one "
                "that is",
            )
        covering = f"*.{name.partition('.')[2]}"
        if name == fqdn:
            yield KEY, f"holds '{name}', the fqdn itself, which the certificate is for anyway: remove it"
        elif name != covering and covering in names:
            yield (
                KEY,
                f"holds '{name}' and '{covering}', which covers it: authorities refuse both in one "
                "certificate. Remove one",
            )
