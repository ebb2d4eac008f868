"""Short runs of every attack: each keeps its promises, and its table is of the shape that the page has.

`tests/integration/engine/test_azure_native_put_faults.py` runs the faults of a change.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from tools.chaos import __main__ as command
from tools.chaos import damage, disk, faults, forged, kills, page, slow
from tools.chaos.table import Table


def heads(part: str) -> list[str]:
    return page.heads(page.PAGE.read_text(), command.PARTS[part])


def measured(part: ModuleType) -> Table:
    """The table of a run as short as can be."""
    table: Table = part.measure(0, lambda _: None)
    assert list(table.columns) == heads(part.__name__.rpartition(".")[2])
    return table


@pytest.mark.parametrize("part", [kills, forged, disk])
def test_promises_are_kept(part: ModuleType) -> None:
    assert measured(part).broken == []


def test_damaged_folders_are_refused_or_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    # `test_data_folder.py` has the others
    some = ("the list of blobs halved", "the secret lost", "the CA certificate lost")
    monkeypatch.setattr(damage, "DAMAGES", {name: damage.DAMAGES[name] for name in some})
    table = measured(damage)
    assert table.broken == []
    assert [row[1:3] for row in table.rows] == [[1, 0], [0, 1], [0, 1], [1, 2]]


def test_slow_callers_delay_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow, "BLOCKS", 1)
    best: dict[object, float] = {}
    for _ in range(
        6
    ):  # a machine that is busy with something else stands still beside one side: not each time
        for name, calls, _quiet, _beside, ratio in measured(slow).rows:
            assert calls == slow.CALLS, "each call was answered"
            assert isinstance(ratio, float)
            best[name] = min(best.get(name, ratio), ratio)
        if max(best.values()) <= slow.LIMIT:
            return
    pytest.fail(f"others wait: {best}")


def test_the_page_has_the_table_of_faults() -> None:
    assert heads("faults") == list(faults.COLUMNS)
