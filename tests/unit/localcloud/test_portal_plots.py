"""The plots of a service's page, and the minutes behind them."""

from __future__ import annotations

from localcloud.portal import plots
from localcloud.scoring.counts import BOUNDS_S
from localcloud.scoring.minutes import MINUTES, Minute, Minutes


def test_minutes_are_told_from_the_oldest_to_the_one_that_is_not_over() -> None:
    minutes = Minutes()
    minutes.count(600.0, is_answered=True)
    minutes.count(659.9, is_answered=False)
    minutes.count(660.0, is_answered=True)
    hour = minutes.hour(725.0)
    assert len(hour) == MINUTES
    assert hour[-3:] == (Minute(1, 1), Minute(1, 0), Minute(0, 0))
    assert not any(map(any, hour[:-3]))


def test_what_is_an_hour_old_is_forgotten_whenever_somebody_looks() -> None:
    minutes = Minutes()
    minutes.count(0.0, is_answered=True)
    assert minutes.hour(59 * 60.0)[0] == Minute(1, 0)
    assert not any(map(any, minutes.hour(60 * 60.0)))
    minutes.count(1_000_000.0, is_answered=True)
    assert sum(map(sum, minutes.hour(1_000_000.0))) == 1
    # a clock of another thread that was read before
    minutes.count(999_900.0, is_answered=True)
    assert sum(map(sum, minutes.hour(1_000_000.0))) == 2


def test_bars_stand_in_their_plot_and_failures_on_top() -> None:
    hour = [Minute(0, 0)] * (MINUTES - 1) + [Minute(3, 1)]
    plot = plots.calls(hour)
    assert plot.words == "3 calls answered and 1 failed within the last hour."
    assert (plots.told(hour), plots.told(hour[:-1])) == ("3, and 1 failed", "0")
    answered, failed = plot.bars
    assert (answered.kind, failed.kind) == ("answered", "failed")
    assert answered.words == failed.words == "this minute: 3 answered, 1 failed"
    assert failed.y == 0
    assert failed.y + failed.height == answered.y
    assert answered.y + answered.height == plots.HEIGHT
    assert answered.x + answered.width <= plots.WIDTH
    assert plots.calls([Minute(0, 0)] * MINUTES).bars == ()


def test_latency_is_told_by_its_bounds() -> None:
    durations = [0] * (len(BOUNDS_S) + 1)
    assert plots.latency(durations).words == "No call was answered yet."
    durations[2], durations[-1] = 90, 10
    plot = plots.latency(durations)
    assert plot.words == "Half of 100 calls took up to 20 ms, 95% above 30 s."
    assert [bar.words for bar in plot.bars] == ["up to 20 ms: 90 calls", "above 30 s: 10 calls"]
