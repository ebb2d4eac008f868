"""The calls whose message is still to come: which of them have taken too long."""

from __future__ import annotations

from localcloud.scoring.receiving import SLOW_AFTER_S, SLOW_LIMIT, _Call, _late


def call(service: str, began: float, timeout_s: float = 30) -> _Call:
    return _Call(service, began, timeout_s, lambda: None)


def test_a_call_has_its_time() -> None:
    calls = [call("a", 0), call("a", 0, timeout_s=120), call("a", 1)]
    assert _late(dict.fromkeys(calls), 29.9) == []
    assert _late(dict.fromkeys(calls), 30) == calls[:1]
    assert _late(dict.fromkeys(calls), 31) == [calls[2], calls[0]]


def test_few_calls_of_a_service_may_take_long_and_the_oldest_are_cut_off() -> None:
    slow = [call("a", number / 100) for number in range(SLOW_LIMIT + 2)]
    others = [call("b", 0.5) for _ in range(SLOW_LIMIT)]
    new = [call("a", 1 + SLOW_AFTER_S) for _ in range(100)]
    assert _late(dict.fromkeys([*slow, *others, *new]), 1 + SLOW_AFTER_S) == [slow[1], slow[0]]
