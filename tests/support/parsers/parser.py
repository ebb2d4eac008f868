"""A parser under attack: any bytes, of which it may refuse some, in words, and fail on none."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

_UNIT: Final = 1 if sys.platform == "darwin" else 1024
"""Bytes in what `getrusage` counts memory in."""


@dataclass(frozen=True)
class Parser:
    """A parser, and what is known of it.

    Attributes:
        name: the word for it on the command line of `tools.fuzz`.
        summary: a line about what it reads.
        check: has it read the bytes, and raises on anything but a documented refusal: whatever the parser
            raises beside it, or an `AssertionError` where another judge disagrees with what it accepts.
        seeds: makes inputs to begin with, sound ones and odd ones.
        heavy: makes inputs as large as they come, which a parser must not take minutes for.
        limit_s: most seconds of the processor for one input.
        limit_bytes: most bytes of memory for one input.
        size: bytes of the largest input that anybody can bring.
    """

    name: str
    summary: str
    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    heavy: Callable[[], Iterable[bytes]] = tuple
    limit_s: float = 2.0
    limit_bytes: int = 256 << 20
    size: int = 64 << 10


def examine(parser: Parser, data: bytes) -> None:
    """Has a parser read an input.

    Raises:
        AssertionError: another judge disagrees, or it took more time or memory than it may.
        Exception: what the parser raised beside its documented refusals.
    """
    memory, began = _most_memory(), time.thread_time()
    parser.check(data)
    took_s, grown = time.thread_time() - began, _most_memory() - memory
    assert took_s <= parser.limit_s, f"{parser.name}: {len(data)} bytes took {took_s:.1f} s"
    assert grown <= parser.limit_bytes, f"{parser.name}: {len(data)} bytes took {grown} bytes of memory"


def require_sentence(text: str, longest: int = 4000) -> None:
    """Checks that a refusal can be told: it says something, fits an answer, and can be written in UTF-8.

    Raises:
        AssertionError: it cannot.
    """
    assert text.strip(), "it says nothing"
    assert len(text) <= longest, f"it has {len(text)} characters: {text[:200]}"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AssertionError(f"it cannot be written: {text[:200]!r}") from error


def _most_memory() -> int:
    """The most memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
