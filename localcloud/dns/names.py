"""Names that zones, record sets and records' targets may have (RFC 1035, RFC 2181, Azure DNS). Pure."""

from __future__ import annotations

import re

MAX_NAME = 253
MAX_LABELS = 34
"""Azure's limit for a zone; the least is two."""
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def zone_problem(name: str) -> str | None:
    """The problem with a zone's name, as the end of a sentence; None: there is none."""
    labels = name.split(".")
    if not 2 <= len(labels) <= MAX_LABELS:
        return f"it has {len(labels)} labels; a zone's name has 2 to {MAX_LABELS}"
    return _problem(name)


def record_set_problem(name: str, zone: str) -> str | None:
    """The problem with a record set's name, which is relative to the zone (`@`, `www`, `*`, `*.dev`), or
    None.
    """
    if name == "@":
        return None
    under_wildcard = name.removeprefix("*.")
    if len(f"{name}.{zone}") > MAX_NAME:
        return f"with its zone it is longer than {MAX_NAME} characters"
    return None if name == "*" else _problem(under_wildcard)


def target_problem(name: object) -> str | None:
    """The problem with a name in a record's value, or None; a final dot is allowed."""
    if not isinstance(name, str) or not name:
        return "a domain name is expected"
    return None if name == "." else _problem(name.removesuffix("."))


def _problem(name: str) -> str | None:
    if len(name) > MAX_NAME:
        return f"it is longer than {MAX_NAME} characters"
    for label in name.split("."):
        if not _LABEL.fullmatch(label):
            return (
                f"the label '{label}' is not 1 to 63 letters, digits, '-' and '_', "
                "with no '-' at its start or end"
            )
    return None
