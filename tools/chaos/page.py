"""The pages of measured tables, `docs/reliability.md` and `docs/scale.md`: the tables are the command's, the
prose is not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tools.chaos.table import Table

_DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = _DOCS / "reliability.md"
SCALE: Final = _DOCS / "scale.md"
_TABLE: Final = r"(?:^\|.*\n)+\n_.*_\n"


class PageError(ValueError):
    """A page without the section that a table belongs to."""


def renewed(text: str, title: str, table: Table, measured: str) -> str:
    """The page with another table in a section.

    Args:
        title: the section's heading, below which its first table is exchanged, with the line under it.
        measured: by which version, and for how long.

    Raises:
        PageError: there is no such section, or no table in it.
    """
    before, found, section = text.partition(f"\n## {title}\n")
    end = section.find("\n## ")
    section, after = (section, "") if end < 0 else (section[:end], section[end:])
    exchanged, number = re.subn(
        _TABLE, lambda _: f"{table.markdown()}\n\n_{measured}_\n", section, count=1, flags=re.MULTILINE
    )
    if not found or number != 1:
        raise PageError(f"the page has no section {title!r} with a table and a line in _italics_ under it")
    return f"{before}{found}{exchanged}{after}"


def heads(text: str, title: str) -> list[str]:
    """The heads of a section's first table.

    Raises:
        PageError: there is none.
    """
    _, _, section = text.partition(f"\n## {title}\n")
    table = re.search(_TABLE, section.partition("\n## ")[0], re.MULTILINE)
    if table is None:
        raise PageError(f"the page has no section {title!r} with a table and a line in _italics_ under it")
    return [cell.strip() for cell in table[0].partition("\n")[0].strip("|").split("|")]
