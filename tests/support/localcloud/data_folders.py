"""The content of a localcloud's data folder, to compare it with what it is later."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from localcloud.ports import PORTS_FILE
from localcloud.settings import CRASH_REPORT, LOCK, LOG, PID

NO_DATA: Final = (CRASH_REPORT, LOCK, LOG, PID, PORTS_FILE)
"""Files that say how a localcloud runs, and hold nothing of its users."""


def content(data: Path) -> dict[str, bytes]:
    """All that a data folder holds, by path."""
    files = [path for path in data.rglob("*") if path.is_file() and path.name not in NO_DATA]
    return {str(path.relative_to(data)): path.read_bytes() for path in files}
