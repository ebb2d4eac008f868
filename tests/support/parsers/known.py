"""The parsers that are fuzzed."""

from __future__ import annotations

from typing import Final

from tests.support.parsers import dns_packets, pem_texts
from tests.support.parsers.parser import Parser

PARSERS: Final[tuple[Parser, ...]] = (*pem_texts.PARSERS, *dns_packets.PARSERS)


def named(name: str) -> Parser:
    """The parser of that name."""
    return next(one for one in PARSERS if one.name == name)
