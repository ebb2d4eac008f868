"""The counts of a replica, as it tells them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.placing import told_counts
from localcloud.scoring.counts import Counts, Refused, summed


def test_counts_are_read_as_they_were_written_and_summed() -> None:
    counts = Counts()
    counts.received(10)
    counts.answered(0.03, 5)
    counts.ended("Predict", "INTERNAL")
    counts.refused(Refused.WRONG)
    now = counts.now()
    counts.ended("Check", "OK")  # which is not told
    assert told_counts.read(json.loads(json.dumps(told_counts.written(counts.now())))) == now
    twice = summed(now, now)
    assert twice.codes == {("Predict", "OK"): 2, ("Predict", "INTERNAL"): 2}
    assert (sum(twice.durations), twice.received_bytes, twice.sent_bytes) == (2, 20, 10)
    assert twice.refused == {Refused.WRONG: 2}
    assert summed(now) == summed(now, summed()) == now


@pytest.mark.parametrize(
    "changed", [{"durations": [1]}, {"codes": 1}, {"codes": [1]}, {"refused": []}, {"refused": {"x": 1}}]
)
def test_what_is_none_is_refused(changed: dict[str, Any]) -> None:
    told = told_counts.written(summed()) | changed
    with pytest.raises(ValueError, match=r"^(no counts: .+|1 durations|'x' is not a valid Refused)$"):
        told_counts.read(told)
