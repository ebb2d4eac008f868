"""Ray beside this code, which is looked for and not imported."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final

INSTALL: Final = "pip install --require-hashes --no-deps -r engine/tools/ray.lock"


def obstacle() -> str | None:
    """The reason why nothing can be placed by Ray, the end of a sentence, with the remedy; None: it can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux: leave it out, and localcloud answers with models of its own."
    if importlib.util.find_spec("ray") is None:
        pip = Path(sys.executable).with_name(INSTALL.partition(" ")[0])
        return f"needs Ray, which is not installed: in the checkout, `{pip} {INSTALL.partition(' ')[2]}`."
    return None
