"""The services of a stack by name, as its outputs tell them, and the one that is meant.

A stack of one service without a name has flat outputs; one with a list of them has `services` and
`serviceKeys`, by name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

import typer

SERVICES: Final = "services"
KEYS: Final = "serviceKeys"
_HINT: Final = "--service"


def named(outputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The outputs of each service that has a name, those that services share and its keys among them."""
    shared = {name: value for name, value in outputs.items() if name not in (SERVICES, KEYS)}
    keys = outputs.get(KEYS) or {}
    return {
        name: {**shared, "fqdnUnicode": "", **told, **(keys.get(name) or {})}
        for name, told in sorted((outputs.get(SERVICES) or {}).items())
    }


def chosen(stack: str, outputs: Mapping[str, Any], service: str | None) -> tuple[str, Mapping[str, Any]]:
    """The service that is meant, by its name, and its outputs; the name is empty where it has none.

    Args:
        service: as a person names it; None: the only one.

    Raises:
        typer.BadParameter: there are several and none is named, or none of this name.
    """
    there = named(outputs)
    if not there:
        if service is None:
            return "", outputs
        raise typer.BadParameter(
            f"the stack {stack} has one service, {outputs.get('fqdn', 'not deployed yet')}, and no list of "
            "them: leave --service out.",
            param_hint=_HINT,
        )
    if service is None and len(there) == 1:
        service = next(iter(there))
    fqdns = {name: str(one.get("fqdnUnicode") or one.get("fqdn", "")) for name, one in there.items()}
    if service is None:
        raise several(stack, fqdns)
    require(stack, service, fqdns)
    return service, there[service]


def require(stack: str, name: str, fqdns: Mapping[str, str]) -> None:
    """Refuses a name that none of a stack's services has.

    Args:
        fqdns: of the stack's services, by name.

    Raises:
        typer.BadParameter: with those that are there.
    """
    if name in fqdns:
        return
    close = [one for one, fqdn in fqdns.items() if fqdn == name.lower()]
    close = close or difflib.get_close_matches(name, fqdns, n=1)
    meant = f": did you mean {close[0]}?" if close else "."
    raise typer.BadParameter(
        f"the stack {stack} has no service '{name}'{meant} It has:\n{_listing(fqdns)}", param_hint=_HINT
    )


def several(stack: str, fqdns: Mapping[str, str]) -> typer.BadParameter:
    """The error of a command that takes one service, where there are several and none is named."""
    return typer.BadParameter(
        f"the stack {stack} has {len(fqdns)} services; name one of them:\n{_listing(fqdns)}", param_hint=_HINT
    )


def _listing(fqdns: Mapping[str, str]) -> str:
    width = max(map(len, fqdns), default=0)
    return "\n".join(f"  {name:<{width}}  {fqdn}".rstrip() for name, fqdn in sorted(fqdns.items()))
