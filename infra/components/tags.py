"""The tags of each kind of resource: those of the stack, as far as Azure takes them for the kind.

Groups, accounts and zones take tags. Record sets and containers do not (they have metadata, which no query
for tags finds), and neither do models and services of the Model Management API.

Some kinds take less than Resource Manager does. A tag beyond that would have the resource refused, or be
dropped in silence, as DNS zones do: the kind goes without it, and a warning says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from infra import catalogue
from infra.catalogue import Kind
from infra.settings.reader import NAMESPACE

_MAX_NAME_OF_STORAGE: Final = 128
_MAX_TAGS_OF_ZONES: Final = 15
_NAME_OF_ZONES: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def by_token(tags: Mapping[str, str] | None, warn: Callable[[str], None]) -> dict[str, dict[str, str]]:
    """The tags of each kind that takes any, by its type token.

    Args:
        tags: the stack's; None, or empty: nothing has tags.
        warn: is told of what a kind goes without.
    """
    if not tags:
        return {}
    found = {}
    for kind in catalogue.KINDS:
        if kind.taggable:
            found[kind.token], left_off = taken(kind, tags)
            if left_off:
                warn(f"{NAMESPACE}:tags: {left_off}")
    return found


def taken(kind: Kind, tags: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The tags that a kind takes, and a sentence on those that it goes without; empty: there are none."""
    names, why = list(tags), ""
    if kind == catalogue.STORAGE_ACCOUNT:
        names = [name for name in names if len(name) <= _MAX_NAME_OF_STORAGE]
        why = f"its names take {_MAX_NAME_OF_STORAGE} characters"
    elif kind == catalogue.ZONE:
        names = [name for name in names if _NAME_OF_ZONES.fullmatch(name)][:_MAX_TAGS_OF_ZONES]
        why = (
            f"it takes {_MAX_TAGS_OF_ZONES}, with letters, digits, '_', '-' and '.' in names, no digit first"
        )
    left_off = [f"'{name[:80]}'" for name in tags if name not in names]
    words = f"{kind.type_name} goes without {', '.join(left_off)}: {why}" if left_off else ""
    return {name: tags[name] for name in names}, words
