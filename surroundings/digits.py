"""Whole numbers, as they are written in digits."""

from __future__ import annotations


def whole(text: str, most: int) -> int | None:
    """The number that `text` writes in ASCII digits alone; None: it writes none, or one beyond `most`.

    `int` takes the digits of every script and signs, and raises on thousands of digits.
    """
    if not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) <= len(str(most)) and int(digits) <= most else None
