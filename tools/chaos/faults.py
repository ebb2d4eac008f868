"""Faults of a PUT: every kind of resource with every fault, and the next plain update."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from tests.support.engine import put_faults
from tools.chaos.table import Progress, Table, rounds


def measure(seconds: float, progress: Progress) -> Table:
    """The table of faults, as often as there is time."""
    counts: dict[str, Counter[str]] = {}
    helpless: Counter[str] = Counter()
    broken: list[str] = []
    for _ in rounds(seconds):
        with tempfile.TemporaryDirectory() as folder:
            rows = put_faults.table(Path(folder))
        for row in rows:
            counts.setdefault(row.fault, Counter())[row.kind] += 1
            helpless[row.fault] += row.needs_a_person
            if row.needs_a_person:
                broken.append(str(row))
        total = sum(found.total() for found in counts.values())
        progress(f"{total} faults, {helpless.total()} need a person")
    table = Table(("fault", *put_faults.KINDS, "needing a person"), broken=broken)
    for fault, found in counts.items():
        table.rows.append([fault, *(found[kind] for kind in put_faults.KINDS), helpless[fault]])
    table.add_total()
    return table
