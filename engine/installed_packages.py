"""The packages that are installed for this Python, as `pip list` tells them."""

from __future__ import annotations

import re
from importlib.metadata import distributions

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def versions(*, transitive: bool) -> dict[str, str]:
    """Versions by name (PEP 503), in alphabetical order.

    Args:
        transitive: False: only what no other package requires, extras apart (`pip list --not-required`).
    """
    found: dict[str, str] = {}
    required: set[str] = set()
    for package in distributions():
        found.setdefault(_normalized(package.metadata["Name"]), package.version)
        for requirement in package.requires or ():
            if "extra ==" not in requirement and (name := _NAME.match(requirement)):
                required.add(_normalized(name[0]))
    return {name: found[name] for name in sorted(found) if transitive or name not in required}


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
