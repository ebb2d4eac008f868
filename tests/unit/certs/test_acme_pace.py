"""Waiting for an authority, with a clock that each pause moves on."""

from __future__ import annotations

import datetime as dt
import email.utils

import pytest

from certs.acme.renewal_info import Window
from certs.errors import AcmeError
from tests.support.acme_pace import LIMITED, NOON, pace

PAST = email.utils.format_datetime(NOON - dt.timedelta(hours=1))


def test_a_pause_is_as_long_as_it_says() -> None:
    waiting, pauses = pace()

    waiting.pause("the order", "busy", "7", 0)
    waiting.pause("the order", "busy", email.utils.format_datetime(NOON + dt.timedelta(seconds=10)), 1)

    assert pauses == [7.0, 3.0]


@pytest.mark.parametrize("asked", [None, "", "soon", "-1", "0", PAST])
def test_without_a_word_it_doubles(asked: str | None) -> None:
    waiting, pauses = pace()

    for turn in range(7):
        waiting.pause("the order", "busy", asked, turn)

    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_what_ends_after_the_deadline_is_not_waited_for() -> None:
    waiting, pauses = pace()

    with pytest.raises(AcmeError) as caught:
        waiting.pause("the order", f"{LIMITED}: too many", "3600", 0, LIMITED)

    assert pauses == []
    assert caught.value.problem_type == LIMITED
    assert [finding.code for finding in caught.value.findings] == ["acme-late"]
    assert str(caught.value) == (
        f"the order: was not done within 100 s; last seen: {LIMITED}: too many (it asks to come back after "
        "3600 s). Run again after that; until then each try may count as well."
    )


def test_what_is_waited_for_is_told_before_each_pause() -> None:
    told: list[tuple[str, float]] = []
    waiting, pauses = pace()
    waiting.tell = lambda message, pause_s: told.append((message, pause_s))

    waiting.pause("the order", "status processing", "7", 0)
    waiting.pause("the order", "status processing", None, 0)

    assert told == [
        ("Waiting for the order; seen: status processing (it asks to come back after 7 s)", 7.0),
        ("Waiting for the order; seen: status processing", 0.25),
    ]
    assert waiting.left_s == 100.0 - sum(pauses)


def test_the_setting_of_the_deadline_is_named() -> None:
    waiting, _ = pace(5.0)
    waiting.limit = "fpga-web-service:acmeTimeout"

    with pytest.raises(AcmeError) as caught:
        waiting.pause("the order", "status processing", "6", 0)

    assert str(caught.value) == (
        "the order: was not done within 5 s; last seen: status processing (it asks to come back after 6 s). "
        "Run again: what was begun is begun anew (fpga-web-service:acmeTimeout can be longer)."
    )


def test_a_moment_in_the_window_is_kept_while_it_is_one() -> None:
    window = Window(NOON, NOON + dt.timedelta(hours=10))
    inside, outside = NOON + dt.timedelta(hours=1), NOON - dt.timedelta(hours=1)

    assert window.choose(inside, lambda: 0.5) == inside
    assert window.choose(outside, lambda: 0.5) == NOON + dt.timedelta(hours=5)
    assert window.choose(None, lambda: 0.0) == NOON
