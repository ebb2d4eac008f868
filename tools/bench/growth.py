"""The growth of a cost with the number of services: figures by number, and what each further one adds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.bench.cost import Cost


@dataclass(frozen=True)
class Point:
    """The cost of a command for one number of services.

    Attributes:
        services: how many; 0: an empty program.
        wall_s, cpu_s: medians of all turns, in seconds.
        ratio: wall clock, as a multiple of that of the smallest number of services: the median of the turns'
            ratios, for what else the machine does slows both down.
        further_s: wall clock that each service adds since the number before, in seconds; None: there is none.
    """

    services: int
    wall_s: float
    cpu_s: float
    ratio: float
    further_s: float | None


def points(turns: Sequence[Mapping[int, Cost]]) -> list[Point]:
    """The points of one command, by number of services.

    Args:
        turns: in each the cost for every number, measured one after the other.
    """
    numbers = sorted(turns[0])
    base = min(number for number in numbers if number)
    found: list[Point] = []
    for number in numbers:
        wall_s = statistics.median(turn[number].wall_s for turn in turns)
        before = found[-1] if found and found[-1].services else None
        found.append(
            Point(
                number,
                wall_s,
                statistics.median(turn[number].cpu_s for turn in turns),
                statistics.median(turn[number].wall_s / turn[base].wall_s for turn in turns),
                (wall_s - before.wall_s) / (number - before.services) if before else None,
            )
        )
    return found


def is_at_most_linear(found: Sequence[Point]) -> bool:
    """Whether no number of services costs more than so many times what the smallest one does."""
    served = [point for point in found if point.services]
    return all(point.ratio <= point.services / served[0].services for point in served)
