"""A list of objects in a stack's configuration, as the engine hands it out: JSON.

What is written in it may be a secret, so that no message tells any of it but keys.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, Final

from infra.settings.reader import NAMESPACE
from infra.settings.table import Setting, Unfit
from surroundings import json_text

_REMEDY: Final = (
    f"write an item for each service, or `pulumi config set --path '{NAMESPACE}:services[0].name' NAME`"
)


class _Object(dict[str, Any]):
    """An object of JSON, and the keys that stand in it more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]


def _kind(value: Any) -> str:
    """A value of JSON in words, without telling it."""
    if isinstance(value, dict):
        return "a mapping"
    kinds = {list: "a list", str: "a text, or a number", bool: "true or false", type(None): "nothing"}
    return kinds[type(value)]


def read(written: str) -> tuple[Any, ...]:
    """The items of a list, whatever they are; numbers as they are written.

    Raises:
        Unfit: it is no list, or has no items.
    """
    try:
        given = json_text.loads(written, parse_int=str, parse_float=str, object_pairs_hook=_Object)
        json.dumps(given, ensure_ascii=False).encode()
    except RecursionError:
        raise Unfit("is nested too deep: it takes a list of objects, one for each service") from None
    except UnicodeEncodeError:
        raise Unfit("is not Unicode: a text in it has half a character") from None
    except ValueError:
        raise Unfit(f"is no list: {_REMEDY}") from None
    if not isinstance(given, list):
        raise Unfit(f"is {_kind(given)}, and no list: {_REMEDY}")
    if not given:
        raise Unfit(
            f"is empty: remove it (`pulumi config rm {NAMESPACE}:services`), and the settings at the top are "
            "the one service; or list one"
        )
    return tuple(given)


def own(
    place: str,
    item: Any,
    known: Mapping[str, Setting],
    top: Collection[str],
    encrypted: Collection[str],
    problems: list[str],
) -> dict[str, str | None] | None:
    """The settings of an item, as they would be written outside of it, by key; None: one that is refused, or
    an item that is.

    Args:
        place: where it stands, without namespace.
        known: the settings that it may have.
        top: the keys that a stack may have.
        encrypted: what is encrypted in the stack's file, with namespace; of an item secrets alone may be.
        problems: is given what is wrong.
    """
    if not isinstance(item, _Object):
        problems.append(f"{NAMESPACE}:{place} is {_kind(item)}: it takes settings, `name: NAME` first of all")
        return None
    problems += (f"{NAMESPACE}:{place}.{_short(key)} is written twice: keep one" for key in item.twice)
    found: dict[str, str | None] = {}
    for key, value in item.items():
        setting = known.get(key)
        if setting is None:
            problems.append(f"{NAMESPACE}:{place}.{_short(key)} {_unknown(place, key, known, top)}")
            continue
        name = f"{NAMESPACE}:{place}.{key}"
        if name in encrypted and not setting.kind.secret:
            found[key] = None
            problems.append(
                f"{name} is encrypted in the stack's file, in part or whole: it ends up where many may read "
                f"it. Remove it (`pulumi config rm --path '{name}'`), and set it in plain"
            )
            continue
        try:
            found[key] = _text(value, setting)
        except Unfit as error:
            found[key] = None
            problems += (f"{name} {problem}" for problem in error.problems)
    return found


def _text(value: Any, setting: Setting) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, list) and setting.kind.many:
        return json.dumps(value)
    if value is None:
        raise Unfit("is nothing: write a value, or remove the key")
    takes = "one value, or a list" if setting.kind.many else "one value"
    raise Unfit(f"is {_kind(value)}: it takes {takes}")


def _unknown(place: str, key: str, known: Collection[str], top: Collection[str]) -> str:
    bare = key.removeprefix(f"{NAMESPACE}:")
    removed = f"`pulumi config rm --path '{NAMESPACE}:{place}.{_short(key)}'`"
    if bare in top and bare not in known:
        return (
            f"is a setting of the whole stack: remove it here ({removed}), and set it at the top "
            f"(`pulumi config set {NAMESPACE}:{bare} VALUE`)"
        )
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(bare.lower(), by_lower, n=1)
    hint = f"did you mean {by_lower[near[0]]}?" if near else f"known are {', '.join(known)}"
    return f"is not a setting of a service: {hint}"


def _short(key: str) -> str:
    return key if len(key) <= 80 else f"{key[:80]}…"
