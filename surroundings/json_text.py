"""JSON that somebody else wrote: whatever is wrong with it is a `ValueError`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number in it is too large")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def loads(
    text: bytes | str,
    *,
    parse_int: Callable[[str], Any] | None = None,
    parse_float: Callable[[str], Any] = _finite,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """The value of a JSON text (RFC 8259); every number in it is finite.

    Args:
        parse_int, parse_float: make something else of a number than Python's own.
        object_pairs_hook: makes something else of an object, which may have a key twice.

    Raises:
        ValueError: it is not JSON, not Unicode, nested too deep, or has a number that Python has not.
    """
    try:
        return json.loads(
            text,
            parse_int=parse_int,
            parse_float=parse_float,
            parse_constant=_refuse,
            object_pairs_hook=object_pairs_hook,
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None
