"""What callers see while one part after another dies: the table of docs/scale.md, held to what it promises.

Times are `make chaos PARTS=machines`'s to hold, on a machine without other work: here they are told.
"""

from __future__ import annotations

import pytest

from tests.support.machines import needs_machines
from tools.chaos import machines, page
from tools.chaos.cluster.callers import CALLERS
from tools.chaos.table import LeftOut

pytestmark = needs_machines


def test_nothing_but_calls_under_way_over_a_dying_edge_fails() -> None:
    try:
        table = machines.measure(0, print)
    except LeftOut as reason:
        pytest.skip(str(reason))
    print(f"{table.text()}{table.note}")
    assert table.broken == []
    assert [row[0] for row in table.rows] == list(machines.EVENTS)
    assert all(isinstance(row[1], int) and row[1] >= CALLERS for row in table.rows), "all called"
    assert page.heads(page.SCALE.read_text(), "Failures") == list(machines.COLUMNS)
