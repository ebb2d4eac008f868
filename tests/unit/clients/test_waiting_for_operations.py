"""Polling: how long it pauses, and what it says when time runs out. The clock is a list of pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from clients.azure.errors import DeadlineExceeded
from clients.azure.operations import Pending, Waiter


class Clock:
    def __init__(self) -> None:
        self.pauses: list[float] = []

    def waiter(self) -> Waiter:
        return Waiter(clock=lambda: sum(self.pauses), sleep=self.pauses.append)


def looking(results: Iterator[str | Pending]) -> Callable[[], str | Pending]:
    return lambda: next(results)


def test_pauses_double_from_50_ms_to_5_s() -> None:
    clock = Clock()
    results: list[str | Pending] = [Pending("Running")] * 9

    found = clock.waiter().until_done(looking(iter([*results, "done"])), what="it", deadline_s=60)

    assert found == "done"
    assert clock.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_the_service_says_when_to_ask_again() -> None:
    clock = Clock()
    results: list[str | Pending] = [
        Pending("Running", 2.0),
        Pending("Running"),
        Pending("Running", 0.0),
        "done",
    ]

    clock.waiter().until_done(looking(iter(results)), what="it", deadline_s=60)

    assert clock.pauses == [2.0, 0.05, 0.1], "at once, without end, would be too often"


def test_what_was_accepted_is_looked_at_after_a_pause() -> None:
    clock = Clock()

    clock.waiter().until_done(lambda: "done", what="it", deadline_s=60, accepted=Pending("accepted", 3.0))

    assert clock.pauses == [3.0]


def test_what_is_done_at_once_costs_no_pause() -> None:
    clock = Clock()

    clock.waiter().until_done(lambda: "done", what="it", deadline_s=60)

    assert clock.pauses == []


def test_time_that_runs_out_tells_what_was_seen_last() -> None:
    clock = Clock()

    with pytest.raises(
        DeadlineExceeded, match=r"^the service to start: not done within 3 s; last seen: Running$"
    ):
        clock.waiter().until_done(lambda: Pending("Running"), what="the service to start", deadline_s=3)

    assert sum(clock.pauses) == pytest.approx(3)
