"""Sessions of the page, by a clock of the test's own."""

from __future__ import annotations

import math

import pytest

from localcloud.portal.sessions import IDLE_S, LIFE_S, MOST, Sessions

BEGAN = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


def test_a_session_is_found_by_its_cookie_alone(sessions: Sessions) -> None:
    cookie = sessions.begin("client", "stamp", math.inf)
    found = sessions.find(cookie)
    assert found is not None
    assert (found.client_id, found.stamp) == ("client", "stamp")
    assert len(cookie) >= 43  # 32 bytes
    for other in ("", cookie[:-1], cookie + "x", "\ud800"):
        assert sessions.find(other) is None
    assert cookie not in repr(vars(sessions))


def test_it_ends_when_it_is_not_used(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.begin("client", "stamp", math.inf)
    for _ in range(3):
        clock.now += IDLE_S - 1
        assert sessions.find(cookie) is not None
    clock.now += IDLE_S
    assert sessions.find(cookie) is None
    clock.now -= IDLE_S
    assert sessions.find(cookie) is None


def test_it_ends_however_much_it_is_used(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.begin("client", "stamp", math.inf)
    while clock.now < BEGAN + LIFE_S - IDLE_S / 2:
        assert sessions.find(cookie) is not None
        clock.now += IDLE_S / 2
    clock.now = BEGAN + LIFE_S
    assert sessions.find(cookie) is None


def test_it_ends_with_what_it_was_signed_in_by(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.begin("client", "stamp", BEGAN + 60)
    clock.now += 59
    assert sessions.find(cookie) is not None
    clock.now += 1
    assert sessions.find(cookie) is None


def test_it_is_ended(sessions: Sessions) -> None:
    cookie, other = (sessions.begin("client", "stamp", math.inf) for _ in range(2))
    sessions.end(cookie)
    sessions.end("of nobody")
    assert sessions.find(cookie) is None
    assert sessions.find(other) is not None


def test_a_client_has_so_many_and_ends_nobody_elses(sessions: Sessions) -> None:
    others = sessions.begin("other", "stamp", math.inf)
    own = [sessions.begin("client", "stamp", math.inf) for _ in range(MOST + 2)]
    assert [sessions.find(cookie) is not None for cookie in own] == [False] * 2 + [True] * MOST
    assert sessions.find(others) is not None


def test_what_is_over_is_not_kept(sessions: Sessions, clock: Clock) -> None:
    for number in range(100):
        sessions.begin(f"client-{number}", "stamp", math.inf)
        clock.now += IDLE_S
    assert len(sessions._known) == 1
