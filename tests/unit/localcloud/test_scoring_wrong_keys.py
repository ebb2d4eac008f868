"""Wrong keys: how many a service looks at, by whom and when, and what the log has of them."""

from __future__ import annotations

import logging
import threading

import pytest

from localcloud.scoring import wrong_keys
from localcloud.scoring.wrong_keys import A_SECOND, AT_ONCE, WrongKeys
from tests.support.waiting import wait_until


class Clock:
    """A clock that a test moves on."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(wrong_keys, "time", found)
    return found


def tried(keys: WrongKeys, connection: str, *, right: bool = False) -> bool | None:
    return keys.judge("service", connection, "ipv4:127.0.0.1", lambda: right)


def looked_at(keys: WrongKeys, clock: Clock, connections: list[str], seconds: int) -> int:
    """How many of the wrong keys are compared that each connection sends ten times a second."""
    found = 0
    for _ in range(seconds * 10):
        clock.now_s += 0.1
        found += sum(tried(keys, one) is False for one in connections)
        assert tried(keys, f"new-{clock.now_s}", right=True)
        assert tried(keys, "right", right=True)
    return found


@pytest.mark.parametrize("number", [1, 10, 100, 1000])
def test_however_many_guess_a_service_looks_at_a_bounded_number(clock: Clock, number: int) -> None:
    keys = WrongKeys()
    connections = [f"guesser-{one}" for one in range(number)]
    found = looked_at(keys, clock, connections, 20)
    assert found <= number * AT_ONCE + 20 * min(A_SECOND, number / wrong_keys.SLOWED_S) * 1.05 + 1
    assert found >= number * AT_ONCE  # and looks, as long as it can


def test_a_mistake_is_forgiven_at_once_and_a_flood_after_a_while(clock: Clock) -> None:
    keys = WrongKeys()
    assert tried(keys, "one") is False  # the primary key, which was made anew
    assert tried(keys, "one", right=True)  # the secondary
    for _ in range(AT_ONCE):
        assert tried(keys, "other") is False
    assert tried(keys, "other", right=True) is None
    clock.now_s += wrong_keys.SLOWED_S
    assert tried(keys, "other", right=True)


def test_who_had_the_right_key_is_heard_beside_one_who_guesses_over_the_same_connection(clock: Clock) -> None:
    keys = WrongKeys()
    assert tried(keys, "gateway", right=True)
    for _ in range(100):
        assert tried(keys, "gateway") is False
        assert tried(keys, "gateway", right=True)
    clock.now_s += 61
    for _ in range(AT_ONCE):
        assert tried(keys, "gateway") is False
    assert tried(keys, "gateway") is None


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    keys = WrongKeys()
    for number in range(3 * wrong_keys._KNOWN_LIMIT):
        assert tried(keys, f"wrong-{number}") is False
        assert tried(keys, f"right-{number}", right=True)
    known = keys._connections["service"]
    assert len(known.guessing) == len(known.right) == wrong_keys._KNOWN_LIMIT


def test_services_do_not_share_it(clock: Clock) -> None:
    keys = WrongKeys()
    for _ in range(AT_ONCE):
        assert tried(keys, "one") is False
    assert tried(keys, "one") is None
    assert keys.judge("another service", "one", "ipv4:127.0.0.1", lambda: True)
    keys.forget("service")  # it is deployed again, maybe
    assert tried(keys, "one") is False


def test_a_flood_is_one_line_at_once_and_one_with_the_rest(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_keys, "_LINE_EVERY_S", 0.2)
    counted = WrongKeys()

    def told() -> list[str]:  # what another test has counted may be told a second later, amid this one
        return [line for line in caplog.messages if "service flooded" in line]

    with caplog.at_level(logging.WARNING):
        counted.judge("flooded", "one", "ipv4:127.0.0.1", lambda: False)
        assert told() == ["Calls with a wrong key: service flooded, peer ipv4:127.0.0.1: 1"]
        for number in range(1000):
            counted.judge("flooded", str(number), f"ipv4:127.0.0.{2 + number % 7}", lambda: False)
        wait_until(lambda: len(told()) > 1)
    named = "; ".join(f"service flooded, peer ipv4:127.0.0.{2 + number}: 143" for number in range(5))
    assert told()[1] == f"Calls with a wrong key: {named}; 2 more peers"


def test_a_wrong_key_waits_until_its_call_has_ended_and_few_wait() -> None:
    counted = WrongKeys()
    counted.slow(lambda _ended: False)  # has ended: no wait
    waits: list[threading.Event] = []

    def on_end(ended: object) -> bool:
        waits.append(threading.Event())
        assert callable(ended)
        ended()
        return True

    counted.slow(on_end)
    assert len(waits) == 1
    for _ in range(wrong_keys._SLOWED_LIMIT):
        assert counted._slowed.acquire(blocking=False)
    counted.slow(on_end)  # refused at once
    assert len(waits) == 1
