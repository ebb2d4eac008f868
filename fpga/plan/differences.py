"""The properties in which two sets of inputs differ, with their values in words that give away no secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from engine import signatures
from fpga.plan.model import SECRET_WORDS, UNKNOWN_WORDS, Difference, Value
from fpga.plan.redaction import CERTIFICATE_BEGIN, hides, is_secret

_LONG: Final = 200  # characters; a resource ID of Azure's is shorter
_UNKNOWN: Final = Value("unknown", UNKNOWN_WORDS)
_SECRET: Final = Value("secret", SECRET_WORDS)


def is_unknown(value: object) -> bool:
    """Whether it is known only when the update is done."""
    return isinstance(value, str) and value in signatures.UNKNOWNS


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], clean: Callable[[str], str] = str
) -> tuple[Difference, ...]:
    """The properties that differ, by path. A secret that is masked on both sides does not.

    Args:
        clean: gives what may be told of a text: two that differ may be told alike.
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    found = []
    for path in sorted({*before, *after}, key=_order):
        sides = before.get(path), after.get(path)
        if sides[0] == sides[1]:
            continue
        secret = any(hides(_name(path), side) for side in sides)
        one, other = (None if side is None else _SECRET if secret else worded(side, clean) for side in sides)
        found.append(Difference(path, one, other))
    return tuple(found)


def completed(found: tuple[Difference, ...], defaults: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Differences of a resource that is there before and after, an input that is not set being its default.

    Args:
        defaults: what the inputs are that are not set, by path.
    """
    words = {path: worded(value) for path, value in defaults.items()}
    return tuple(
        replace(one, before=one.before or words.get(one.path), after=one.after or words.get(one.path))
        for one in found
    )


def hidden(inputs: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The secrets among these inputs, as ones that may have changed."""
    return tuple(Difference(path, _SECRET, _SECRET) for path, value in _leaves(inputs) if is_secret(value))


def worded(value: Any, clean: Callable[[str], str] = str) -> Value:
    """A value in words; long ones by their hash, whole chains of certificates by their number, too."""
    if is_unknown(value):
        return _UNKNOWN
    if hides("", value):
        return _SECRET
    if isinstance(value, str):
        return _text(value, clean(value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return Value("plain", json.dumps(value))


def _text(value: str, cleaned: str) -> Value:
    if not value:
        return Value("plain", '""')
    digest = hashlib.sha256(value.encode()).hexdigest()
    if CERTIFICATE_BEGIN in value:
        count = value.count(CERTIFICATE_BEGIN)
        number = "1 certificate" if count == 1 else f"{count} certificates"
        return Value("certificates", f"PEM, {number}, SHA-256 {digest[:16]}…", digest)
    if len(cleaned) > _LONG or "\n" in cleaned:
        return Value("long", f"{len(value)} characters, SHA-256 {digest[:16]}…", digest)
    return Value("plain", cleaned)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values that hold no others, each by its path."""
    if isinstance(value, Mapping) and not is_secret(value):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, value


def _name(path: str) -> str:
    """The name of the property, or of the list that it is in."""
    return path.split(".")[-1].split("[")[0]


def _order(path: str) -> tuple[tuple[int, str], ...]:
    """By name, elements of lists by their number."""
    parts = path.replace("]", "").replace("[", ".").split(".")
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)
