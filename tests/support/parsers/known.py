"""The parsers that are fuzzed."""

from __future__ import annotations

from typing import Final

from tests.support.parsers import (
    addresses,
    arm_paths,
    containers,
    dns_packets,
    files,
    packages,
    pem_texts,
    predictions,
    sign_in,
)
from tests.support.parsers.parser import Parser

PARSERS: Final[tuple[Parser, ...]] = (
    *pem_texts.PARSERS,
    *containers.PARSERS,
    *dns_packets.PARSERS,
    *packages.PARSERS,
    *predictions.PARSERS,
    *sign_in.PARSERS,
    *addresses.PARSERS,
    *files.PARSERS,
    *arm_paths.PARSERS,
)


def named(name: str) -> Parser:
    """The parser of that name."""
    return next(one for one in PARSERS if one.name == name)
