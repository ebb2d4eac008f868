"""Short runs of every attack: each keeps its promises, and its table is of the shape that the page has."""

from __future__ import annotations

import importlib

import pytest

from tools.chaos import __main__ as command
from tools.chaos import page


@pytest.mark.parametrize("part", command.PARTS)
def test_promises_are_kept(part: str) -> None:
    table = importlib.import_module(f"tools.chaos.{part}").measure(0, lambda _: None)
    assert table.broken == []
    assert list(table.columns) == page.heads(page.PAGE.read_text(), command.PARTS[part])
