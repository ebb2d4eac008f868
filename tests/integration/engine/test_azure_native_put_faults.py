"""A PUT that failed after it was sent: the plugin keeps the id, and the next update ends well."""

from __future__ import annotations

import pytest

from tests.support.engine import put_faults
from tests.support.engine.put_faults import Fault, Row


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, Fault], Row]:
    made = put_faults.table(tmp_path_factory.mktemp("faults"))
    return {(row.kind, row.fault): row for row in made}


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("kind", put_faults.KINDS)
def test_the_next_update_ends_well(rows: dict[tuple[str, Fault], Row], kind: str, fault: Fault) -> None:
    row = rows[kind, fault]

    assert row.first is not None, "the state does not know what was begun"
    assert row.first.unfinished
    assert row.ended is not None
    assert row.ended.id == row.first.id
    assert not row.needs_a_person, str(row)
