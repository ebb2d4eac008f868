"""Frozen dataclasses as JSON, and back by the types of their fields."""

from __future__ import annotations

import dataclasses
import types
from typing import Any, Union, get_args, get_origin, get_type_hints


def plain(value: Any) -> Any:
    """JSON-ready: a dataclass becomes an object, a tuple a list; all else is as it is."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {one.name: plain(getattr(value, one.name)) for one in fields}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def built(kind: Any, told: Any) -> Any:
    """The value that `plain` was given, of a type: a dataclass, a tuple, one of them or None, or JSON's own.

    Raises:
        KeyError, TypeError, ValueError: it is of another type, or a field is missing.
    """
    if get_origin(kind) in (Union, types.UnionType):
        if told is None and type(None) in get_args(kind):
            return None
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        names = [one.name for one in dataclasses.fields(kind) if one.name in told or _is_required(one)]
        return kind(**{name: built(hints[name], told[name]) for name in names})
    if get_origin(kind) is tuple:
        if not isinstance(told, list):
            raise TypeError
        kinds = get_args(kind)
        each = [kinds[0]] * len(told) if kinds[-1] is Ellipsis else list(kinds)
        return tuple(built(one, value) for one, value in zip(each, told, strict=True))
    if not isinstance(told, kind):
        raise TypeError
    return told


def _is_required(field: dataclasses.Field[Any]) -> bool:
    """Whether one that wrote no such field, for it is older, cannot be read."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
