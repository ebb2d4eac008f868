"""Every parser reads any bytes: it takes them or refuses them in its own words, and within its limits.

`make fuzz` tries the same parsers for longer, and knows which of their branches an input runs.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.support.parsers.known import PARSERS
from tests.support.parsers.mutations import near
from tests.support.parsers.parser import Parser, examine


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_it_takes_or_refuses_its_seeds(parser: Parser) -> None:
    seeds = list(parser.seeds())
    assert seeds
    for seed in seeds:
        examine(parser, seed)


@pytest.mark.parametrize("parser", [one for one in PARSERS if one.heavy()], ids=lambda parser: parser.name)
def test_it_takes_no_longer_by_the_square_of_the_size(parser: Parser) -> None:
    for data in parser.heavy():
        examine(parser, data)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_it_takes_or_refuses_what_is_near_to_them(parser: Parser) -> None:
    @settings(max_examples=50)
    @given(near(list(parser.seeds())))
    def tried(data: bytes) -> None:
        examine(parser, data)

    tried()
