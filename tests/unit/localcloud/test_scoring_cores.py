"""The cores: computed on by threads that were admitted, and never by more at a time than there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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
def admitted(turns: Turns) -> Iterator[ThreadPoolExecutor]:
    """Threads that may compute."""
    with ThreadPoolExecutor(2, initializer=turns.admit) as threads:
        yield threads


def is_free(turns: Turns) -> bool:
    with turns.core() as free:
        return free


def test_a_thread_that_was_admitted_computes_while_a_core_is_free(
    turns: Turns, admitted: ThreadPoolExecutor
) -> None:
    assert not is_free(turns), "this thread was not admitted"
    begun, over = threading.Event(), threading.Event()

    def compute() -> bool:
        with turns.core() as free:
            begun.set()
            assert over.wait(30)
            return free

    computing = admitted.submit(compute)
    assert begun.wait(30)
    assert not admitted.submit(is_free, turns).result(30), "the core is taken"
    over.set()
    assert computing.result(30)
    assert admitted.submit(is_free, turns).result(30)


def test_who_waits_gets_the_core_that_an_admitted_thread_gives_back(
    turns: Turns, admitted: ThreadPoolExecutor
) -> None:
    done: list[str] = []

    def wait_in_turn(name: str) -> Turn[bytes]:
        turn = Turn(name, lambda: done.append(name) or name.encode())  # type: ignore[func-returns-value]
        turns.enqueue(turn)
        return turn

    def compute() -> list[Turn[bytes]]:
        with turns.core() as free:
            assert free
            waiting = [wait_in_turn("first"), wait_in_turn("second")]
            assert not any(turn.running() or turn.done() for turn in waiting)
            done.append("admitted")
        return waiting

    waiting = admitted.submit(compute).result(30)
    assert [turn.result(30) for turn in waiting] == [b"first", b"second"]
    assert done == ["admitted", "first", "second"]


def test_a_core_comes_back_from_work_that_fails_and_from_turns_that_left(
    turns: Turns, admitted: ThreadPoolExecutor
) -> None:
    def fail() -> None:
        with turns.core():
            gone = Turn("gone", bytes)
            turns.enqueue(gone)
            gone.leave()
            turns.withdraw(gone)
            raise LookupError("no such thing")

    with pytest.raises(LookupError):
        admitted.submit(fail).result(30)
    assert admitted.submit(is_free, turns).result(30)
    after = Turn("after", lambda: b"after")
    turns.enqueue(after)
    assert after.result(30) == b"after"


def test_no_core_is_lost_where_no_thread_can_be_started(
    turns: Turns, admitted: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admitted.submit(is_free, turns).result(30)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for number in range(3):
        turn = Turn("service", lambda number=number: str(number).encode())  # type: ignore[misc]
        turns.enqueue(turn)
        assert turn.result(30) == str(number).encode()
