"""Labels: the names of a model's classes, a text file of a model package with one a line, in their order."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SIZE_LIMIT: Final = 4 * 1024 * 1024
"""Largest file, in bytes."""

LENGTH_LIMIT: Final = 1000
"""Longest label, in characters."""

_BREAK: Final = re.compile(r"\r\n|\r|\n")
# Embeddings, overrides and isolates of writing direction (UAX #9) show a text in another order than it has.
_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class LabelsError(ValueError):
    """A file of labels cannot be used; the text names the line, the fault and the remedy."""


def read_labels(content: bytes) -> tuple[str, ...]:
    """The labels of a file: each line as it is written, without blanks around it.

    A byte order mark, line ends of other systems and blank lines at the end are no part of them.

    Raises:
        LabelsError: it is too large, not UTF-8, or has a line that names nothing or what no label holds.
    """
    if len(content) > SIZE_LIMIT:
        raise LabelsError(f"has {len(content)} bytes; at most {SIZE_LIMIT} are taken")
    try:
        text = content.decode().lstrip("\ufeff")  # joined files have several
    except UnicodeDecodeError as error:
        broken = content.count(b"\n", 0, error.start) + 1
        raise LabelsError(f"is not UTF-8 (line {broken}): save it as UTF-8") from None
    lines = [line.strip() for line in _BREAK.split(text.rstrip())]
    if lines == [""]:
        raise LabelsError("is empty: write one label a line, in the order of the classes")
    for number, line in enumerate(lines, 1):
        _check(number, line)
    return tuple(lines)


def _check(number: int, line: str) -> None:
    if not line:
        raise LabelsError(f"has no label in line {number}: write one label a line")
    if len(line) > LENGTH_LIMIT:
        raise LabelsError(
            f"has {len(line)} characters in line {number}; at most {LENGTH_LIMIT} are taken: "
            "write one label a line"
        )
    for character in line:
        if is_control(character):
            raise LabelsError(
                f"has the control character U+{ord(character):04X} in line {number}: take it out"
            )


def is_control(character: str) -> bool:
    """Whether a terminal would obey it rather than show it; a tab is shown."""
    if character == "\t":
        return False
    return unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or character in _DIRECTIONS
