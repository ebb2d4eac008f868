"""Small plots of calls and latency: the geometry of their bars, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from localcloud.scoring.counts import BOUNDS_S
from localcloud.scoring.minutes import Minute

WIDTH: Final = 300
HEIGHT: Final = 60
_GAP: Final = 1


@dataclass(frozen=True)
class Bar:
    """A bar, in the plot's own units, and what it says.

    Attributes:
        kind: `answered` or `failed`.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str


@dataclass(frozen=True)
class Plot:
    """A plot: its bars, the one beside the other, and all of it in words."""

    bars: tuple[Bar, ...]
    words: str
    width: int = WIDTH
    height: int = HEIGHT


def calls(hour: Sequence[Minute]) -> Plot:
    """The scoring calls of the last hour, a bar a minute; those that failed stand on those answered."""
    most = max((sum(minute) for minute in hour), default=0)
    answered, failed = (sum(numbers) for numbers in zip(*hour, strict=True))
    bars: list[Bar] = []
    for place, minute in enumerate(hour):
        ago = len(hour) - 1 - place
        when = "this minute" if ago == 0 else f"{ago} min ago"
        words = f"{when}: {minute.answered} answered, {minute.failed} failed"
        top = float(HEIGHT)
        for kind, number in (("answered", minute.answered), ("failed", minute.failed)):
            if number:
                height = number / most * HEIGHT
                top -= height
                bars.append(_bar(place, len(hour), top, height, kind, words))
    return Plot(tuple(bars), f"{answered} calls answered and {failed} failed within the last hour.")


def told(hour: Sequence[Minute]) -> str:
    """The scoring calls of the last hour in a few words."""
    answered, failed = (sum(numbers) for numbers in zip(*hour, strict=True))
    return f"{answered}, and {failed} failed" if failed else str(answered)


def latency(durations: Sequence[int]) -> Plot:
    """The calls answered since the service answers here, by how long they took.

    Args:
        durations: their numbers by `BOUNDS_S`, those above all last.
    """
    most = max(durations)
    bars = [
        _bar(place, len(durations), HEIGHT - (height := number / most * HEIGHT), height, "answered", words)
        for place, number in enumerate(durations)
        if number and (words := f"{_range(place)}: {number} calls")
    ]
    total = sum(durations)
    if not total:
        return Plot((), "No call was answered yet.")
    half, most_of_them = _bound(durations, total * 0.5), _bound(durations, total * 0.95)
    return Plot(tuple(bars), f"Half of {total} calls took {half}, 95% {most_of_them}.")


def _bar(place: int, places: int, y: float, height: float, kind: str, words: str) -> Bar:
    step = WIDTH / places
    return Bar(round(place * step, 2), round(y, 2), round(step - _GAP, 2), round(height, 2), kind, words)


def _range(place: int) -> str:
    return f"up to {_time(BOUNDS_S[place])}" if place < len(BOUNDS_S) else f"above {_time(BOUNDS_S[-1])}"


def _bound(durations: Sequence[int], wanted: float) -> str:
    reached = 0
    for place, number in enumerate(durations):
        reached += number
        if reached >= wanted:
            return _range(place)
    return _range(len(durations) - 1)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
