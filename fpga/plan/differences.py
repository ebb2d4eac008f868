"""Comparing inputs: each property that differs, with its values in words that give away no secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine import signatures
from fpga.plan.model import SECRET_WORDS, UNKNOWN_WORDS, Difference, Value
from fpga.plan.redaction import Redaction

_LONG: Final = 200  # characters; a resource ID of Azure's is shorter
# how a dynamic resource finds its provider: not the program's
_ENGINE_INPUTS: Final = frozenset(("__provider", "__defaults"))
# secret whether marked so or not
_SECRET_NAMES: Final = frozenset(
    ("ssl_key", "ca_key", "key", "key_of_account", "eab_hmac_key", "primary_key", "secondary_key")
)

_UNKNOWN: Final = Value("unknown", UNKNOWN_WORDS)
_SECRET: Final = Value("secret", SECRET_WORDS)
_CERTIFICATE_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


def is_unknown(value: object) -> bool:
    """Whether it is known only when the update is done."""
    return isinstance(value, str) and value in signatures.UNKNOWNS


def is_secret(value: object) -> bool:
    """Whether the engine has masked it."""
    return isinstance(value, Mapping) and signatures.KEY in value


def has_secret(inputs: Mapping[str, Any]) -> list[str]:
    """The paths of the secret ones among these inputs."""
    return [path for path, value in _leaves(inputs) if _hides(path, value)]


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], redaction: Redaction
) -> tuple[Difference, ...]:
    """What differs between two sets of inputs, by path. A secret that is masked on both sides does not."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    found = []
    for path in sorted({*before, *after}, key=_order):
        one, other = before.get(path), after.get(path)
        if one == other:
            continue
        if _hides(path, one) or _hides(path, other):
            shown = tuple(None if side is None else _SECRET for side in (one, other))
        else:
            shown = tuple(None if side is None else worded(side, redaction) for side in (one, other))
        found.append(Difference(path, *shown))
    return tuple(found)


def hidden(inputs: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The secrets among these inputs, as ones that may have changed."""
    return tuple(Difference(path, _SECRET, _SECRET) for path in has_secret(inputs))


def worded(value: Any, redaction: Redaction) -> Value:
    """A value in words; long ones by their hash, whole chains of certificates by their number, too."""
    if is_unknown(value):
        return _UNKNOWN
    if is_secret(value) or (isinstance(value, str) and "PRIVATE KEY-----" in value):
        return _SECRET
    if isinstance(value, str):
        return _text(value, redaction)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return Value("plain", json.dumps(value))


def _text(value: str, redaction: Redaction) -> Value:
    if not value:
        return Value("plain", '""')
    digest = hashlib.sha256(value.encode()).hexdigest()
    if _CERTIFICATE_BEGIN in value:
        count = value.count(_CERTIFICATE_BEGIN)
        number = "1 certificate" if count == 1 else f"{count} certificates"
        return Value("certificates", f"PEM, {number}, SHA-256 {digest[:16]}…", digest)
    cleaned = redaction.clean(value)
    if len(cleaned) > _LONG or "\n" in cleaned:
        return Value("long", f"{len(value)} characters, SHA-256 {digest[:16]}…", digest)
    return Value("plain", cleaned)


def _hides(path: str, value: object) -> bool:
    return is_secret(value) or path.split(".")[-1].split("[")[0] in _SECRET_NAMES


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that holds no others, by its path; numbers as whole ones where they are."""
    if isinstance(value, Mapping) and not is_secret(value):
        for key, inner in value.items():
            if not path and key in _ENGINE_INPUTS:
                continue
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, value


def _order(path: str) -> tuple[tuple[int, str], ...]:
    """By name, elements of lists by their number."""
    parts = path.replace("]", "").replace("[", ".").split(".")
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)
