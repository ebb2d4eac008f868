"""A change that failed after it was sent, or was killed amid it: the next plain update ends well."""

from __future__ import annotations

import pytest

from tests.support.engine import put_faults
from tests.support.engine.put_faults import Change, Row, Victim


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return put_faults.table(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("change", Change)
@pytest.mark.parametrize("kind", put_faults.KINDS)
def test_the_next_update_ends_well(rows: list[Row], kind: str, change: Change) -> None:
    found = [row for row in rows if (row.case.kind, row.case.change) == (kind, change)]
    assert len(found) == len(put_faults.FAULTS[change])
    assert [str(row) for row in found if row.needs_a_person] == []


def test_the_state_knows_what_may_have_been_made(rows: list[Row]) -> None:
    for row in rows:
        fault = row.case.fault
        if row.case.change is not Change.CREATE or not fault.acts or fault.kills is Victim.PLUGIN:
            continue
        assert row.first is not None, str(row)
        assert row.first.unfinished, str(row)
        assert row.ended is not None
        assert row.ended.id == row.first.id
