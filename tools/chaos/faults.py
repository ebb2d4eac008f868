"""Faults of a change: every kind of resource, every change and every fault, and the next plain update."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from tests.support.engine import put_faults
from tests.support.localcloud import takeover_faults
from tools.chaos.table import Progress, Table, rounds

KINDS: Final = (*put_faults.KINDS, *takeover_faults.KINDS)
COLUMNS: Final = ("fault", *KINDS, "needing a person")


def measure(seconds: float, progress: Progress) -> Table:
    """The table of faults, as often as there is time."""
    counts: dict[str, Counter[str]] = {}
    helpless: Counter[str] = Counter()
    broken: list[str] = []
    for _ in rounds(seconds):
        with tempfile.TemporaryDirectory() as folder:
            for made in (put_faults.table, takeover_faults.table):
                for row in made(Path(folder)):
                    name = f"{row.case.change}: {row.case.fault}"
                    counts.setdefault(name, Counter())[row.case.kind] += 1
                    helpless[name] += row.needs_a_person
                    if row.needs_a_person:
                        broken.append(str(row))
                total = sum(found.total() for found in counts.values())
                progress(f"{total} faults, {helpless.total()} need a person")
    table = Table(COLUMNS, broken=broken)
    for name in sorted(counts):
        table.rows.append([name, *(counts[name][kind] for kind in KINDS), helpless[name]])
    table.add_total()
    return table
