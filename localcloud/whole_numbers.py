"""Whole numbers in JSON, which has one kind of numbers: Pulumi writes 300 as 300.0."""

from __future__ import annotations

from typing import Any


def whole(value: Any) -> int | None:
    """The number as an `int`; None where it is none, or none that is whole. True and False are none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None
