"""The turns of calls: in rounds over services, and none for a call that has left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from localcloud.scoring import turns as module
from localcloud.scoring.turns import Turn, Turns


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turns]:
    """Turns on one core."""
    monkeypatch.setattr(module, "cores", lambda: 1)
    one = Turns()
    yield one
    one.stop()


@pytest.fixture
def busy(turns: Turns) -> Iterator[threading.Event]:
    """The core computes something, until the event is set."""
    begun, over = threading.Event(), threading.Event()

    def work() -> bytes:
        begun.set()
        assert over.wait(30)
        return b""

    turns.enqueue(Turn("first", work))
    assert begun.wait(30)
    yield over
    over.set()


def test_a_flood_on_one_service_delays_another_by_one_call_a_round(
    turns: Turns, busy: threading.Event
) -> None:
    done: list[str] = []

    def waiting(service: str, name: str) -> Turn[bytes]:
        def work() -> bytes:
            done.append(name)
            return name.encode()

        turn = Turn(service, work)
        turns.enqueue(turn)
        return turn

    calls = [waiting("flood", f"flood {number}") for number in range(100)]
    calls += [waiting("quiet", f"quiet {number}") for number in range(2)]
    busy.set()
    assert [call.result(30) for call in calls] == [
        *(f"flood {number}".encode() for number in range(100)),
        b"quiet 0",
        b"quiet 1",
    ]
    assert done[:5] == ["flood 0", "quiet 0", "flood 1", "quiet 1", "flood 2"]


def test_a_call_that_left_is_not_computed_and_holds_nothing(turns: Turns, busy: threading.Event) -> None:
    computed: list[str] = []

    def work(name: str) -> bytes:
        computed.append(name)
        return name.encode()

    gone, stays = Turn("a", lambda: work("gone")), Turn("a", lambda: work("stays"))
    for turn in (gone, stays):
        turns.enqueue(turn)
    gone.leave()
    turns.withdraw(gone)
    assert [list(queue) for queue in turns._queues.values()] == [[stays]]
    assert gone.work is None
    early = Turn("b", lambda: work("early"))
    early.leave()
    turns.enqueue(early)
    busy.set()
    assert stays.result(30) == b"stays"
    with pytest.raises(CancelledError):
        gone.result()
    turns.stop()
    assert computed == ["stays"]


def test_what_fails_is_told_to_who_waits_and_the_core_goes_on(turns: Turns) -> None:
    def fail() -> bytes:
        raise LookupError("no such thing")

    failing, after = Turn("a", fail), Turn("a", lambda: b"after")
    for turn in (failing, after):
        turns.enqueue(turn)
    with pytest.raises(LookupError, match="no such thing"):
        failing.result(30)
    assert after.result(30) == b"after"
