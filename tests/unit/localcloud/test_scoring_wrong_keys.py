"""Wrong keys in the log: counted, without the key, in at most one line a second."""

from __future__ import annotations

import logging
import threading

import pytest

from localcloud.scoring import wrong_keys
from localcloud.scoring.wrong_keys import WrongKeys
from tests.support.waiting import wait_until


def test_a_flood_is_one_line_at_once_and_one_with_the_rest(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_keys, "_LINE_EVERY_S", 0.2)
    counted = WrongKeys()
    with caplog.at_level(logging.WARNING):
        counted.count("service", "ipv4:127.0.0.1")
        assert caplog.messages == ["Calls with a wrong key: service service, peer ipv4:127.0.0.1: 1"]
        for number in range(1000):
            counted.count("service", f"ipv4:127.0.0.{2 + number % 7}")
        wait_until(lambda: len(caplog.messages) > 1)
    named = "; ".join(f"service service, peer ipv4:127.0.0.{2 + number}: 143" for number in range(5))
    assert caplog.messages[1] == f"Calls with a wrong key: {named}; 2 more peers"


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
