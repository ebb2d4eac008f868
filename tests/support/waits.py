"""Words of commands about what they wait for, of which a busy machine has more than an idle one."""

from __future__ import annotations

import re
from typing import Final

_TIME: Final = r"(\d+\.\d s|\d+ s|\d+ min \d+ s)"
_LINE: Final = re.compile(rf"^[^\n]*: ([^\n]+ \({_TIME}\)|(done in|failed after) {_TIME})\n", re.MULTILINE)


def without(stderr: str) -> str:
    """Standard error without these lines."""
    return _LINE.sub("", stderr)
