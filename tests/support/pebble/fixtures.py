"""Pebble for pytest: where it cannot be had, the tests that need it are left out, and say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import EngineError
from engine.report import ConsoleReport
from tests.support.pebble import build


@pytest.fixture(scope="session")
def pebble_executable() -> Path:
    """The executable; built once a machine."""
    try:
        return build.ensure(ConsoleReport())
    except EngineError as error:
        pytest.skip(f"there is no pebble: {error}")
