"""The number of replicas that follows the calls under way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.placing.scaling import by_calls


@pytest.mark.parametrize(
    ("metrics", "wanted"),
    [
        ({"calls": {"first": 3.0, "second": 5.0}}, 4.0),
        ({"calls": {"first": 1.0}}, 0.5),
        ({"others": {"first": 9.0}}, 0),
        ({}, 0),
        (None, 0),
    ],
)
def test_replicas_are_wanted_by_the_calls_of_all(metrics: Any, wanted: float) -> None:
    context = SimpleNamespace(aggregated_metrics=metrics, config=SimpleNamespace(target_ongoing_requests=2.0))
    assert by_calls(context) == (wanted, {})
