"""Each document, typed as it stands in a fresh checkout: README first, the others in what it leaves."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents.markdown import CHECKOUT, FILES, README, blocks
from tests.support.documents.session import play
from tests.support.stacks.checkout import Checkout

TYPED = [file for file in FILES if any(block.kind == "sh" for block in blocks(file))]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    made = Checkout(tmp_path_factory.mktemp("documents") / "fpga-web-service")
    yield made
    made.make("down")


@pytest.mark.parametrize("file", TYPED, ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_a_document_can_be_typed(file: Path, checkout: Checkout) -> None:
    if file != README:  # README brings it up itself
        checkout.make("up")
    printed = play(file, checkout.folder, {**checkout.environment, "PYTHON": sys.executable})
    forms = set(form(printed))
    for block in blocks(file):
        if block.printed:
            assert [line for line in form(block.text) if line not in forms] == [], f"{file}:{block.line}"


def form(text: str) -> list[str]:
    """Its lines, without what is another one each time."""
    for pattern in (r"\d+ min \d+ s", r"\b\h+(-\h+){4}\b", r"\h\h(:\h\h){31}", r"\d+([.:]\d+)*"):
        text = re.sub(pattern.replace(r"\h", "[0-9A-Fa-f]"), "0", text)
    return [line.strip().replace("0 s", "0") for line in text.splitlines() if line.strip()]
