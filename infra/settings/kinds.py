"""The kinds of values that settings have: how each is read from what is written, and its JSON schema.

A check of a value returns None where it is good, else the end of a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from infra.settings import naming
from infra.settings.reader import absolute
from infra.settings.table import Kind, Unfit
from surroundings import digits, json_text

Check = Callable[[str], str | None]

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_ENCRYPTED: Final = {
    "type": "object",
    "properties": {"secure": _TEXT},
    "required": ["secure"],
    "additionalProperties": False,
}
# up to so many numbers, those of an integer that is written as a text are told one by one
_FEW: Final = 32


def text(check: Check | None = None) -> Kind:
    """A text."""

    def read(written: str) -> str:
        problem = check(written) if check else None
        if problem:
            raise Unfit(f"is '{written}': it {problem}")
        return written

    return Kind(read, _TEXT)


def secret(read: Callable[[str], str] = str) -> Kind:
    """A text that stands encrypted in the stack's file.

    Args:
        read: the value of what is written.
    """
    return Kind(read, _ENCRYPTED, secret=True)


def domain(*, of_record: bool = False) -> Kind:
    """A domain name, in any script: the value is in A-labels.

    Args:
        of_record: it is the name of a record and of no host.
    """

    def read(written: str) -> str:
        try:
            return naming.a_labels(written, of_record=of_record)
        except ValueError as error:
            raise Unfit(f"is '{written}': it {error}") from None

    return Kind(read, _TEXT)


def choice(*among: str) -> Kind:
    """One of a few texts."""
    return Kind(lambda written: _chosen(written, among), _TEXT | {"enum": list(among)})


def switch() -> Kind:
    """`true` or `false`."""
    texts = ("true", "false")
    return Kind(lambda written: _chosen(written, texts) == "true", {"enum": [True, False, *texts]})


def integer(low: int, high: int) -> Kind:
    """A whole number from `low` to `high`."""

    def read(written: str) -> int:
        number = digits.whole(written, high)
        if number is not None and low <= number:
            return number
        raise Unfit(f"is '{written}': it takes a whole number from {low} to {high}")

    if high - low < _FEW:
        as_text: dict[str, Any] = {"enum": [str(number) for number in range(low, high + 1)]}
    else:
        as_text = _TEXT | {"pattern": f"^[0-9]{{1,{len(str(high))}}}$"}
    return Kind(read, {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, as_text]})


def path() -> Kind:
    """A path of what exists: the value is absolute."""

    def read(written: str) -> Path:
        problem = nothing_there(written)
        if problem:
            raise Unfit(problem)
        return absolute(written)

    return Kind(read, _TEXT)


def nothing_there(written: str) -> str | None:
    """The problem of a path of nothing; None: it leads to something."""
    try:
        found = absolute(written)
        return None if found.exists() else f"is '{written}': there is nothing at {found}"
    except (OSError, RuntimeError, ValueError) as error:  # too long, of a user that is not there, with a NUL
        return f"is '{written}', which is no path here: {getattr(error, 'strerror', None) or error}"


def texts(check: Check, normal: Callable[[str], str] = str) -> Kind:
    """A list of texts, written as one or, where it has one item only, plainly.

    Args:
        check: of an item; it is a sentence of its own.
        normal: an item as it is kept; items that are the same then are kept once.
    """

    def read(written: str) -> tuple[str, ...]:
        found = items(written)
        problems = [f"holds '{item}': {problem}" for item in found if (problem := check(item))]
        if problems:
            raise Unfit(*problems)
        return tuple(dict.fromkeys(map(normal, found)))

    return Kind(read, _TEXTS, many=True)


def items(written: str) -> list[str]:
    """The items of a list of texts, written as one or, where it has one item only, plainly."""
    try:
        listed = json_text.loads(written) if written.startswith("[") else [written]
    except ValueError:
        listed = [written]
    return [str(item) for item in listed]


def _chosen(written: str, among: tuple[str, ...]) -> str:
    if written not in among:
        raise Unfit(f"is '{written}': choose one of {', '.join(among)}")
    return written
