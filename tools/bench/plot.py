"""Small plots in SVG: a line through measured points beside the line of linear growth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 240
_HEIGHT: Final = 180
_LEFT: Final = 44
_RIGHT: Final = 12
_TOP: Final = 28
_BOTTOM: Final = 36
_STYLE: Final = (
    "text{font:11px sans-serif;fill:#57606a}.title{font-weight:bold}"
    ".axis{stroke:#8c959f;fill:none}.linear{stroke:#8c959f;stroke-dasharray:3 3;fill:none}"
    ".measured{stroke:#0969da;stroke-width:2;fill:none}circle{fill:#0969da}"
)


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        points: number of services and seconds, by number; at least one.
    """

    title: str
    points: Sequence[tuple[int, float]]


def svg(plots: Sequence[Plot]) -> str:
    """The plots beside each other, as one picture.

    The dashed line is as many times the first point as there are services, as far as it fits.
    """
    width = _WIDTH * len(plots)
    parts = "".join(
        f'<g transform="translate({number * _WIDTH},0)">{_one(plot)}</g>\n'
        for number, plot in enumerate(plots)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" '
        f'viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{escape(_words(plots))}">\n'
        f"<style>{_STYLE}</style>\n{parts}</svg>\n"
    )


def _words(plots: Sequence[Plot]) -> str:
    """What the picture shows, for those who do not see it."""
    return "; ".join(
        f"{plot.title}: " + ", ".join(f"{seconds:.2f} s for {services}" for services, seconds in plot.points)
        for plot in plots
    )


def _one(plot: Plot) -> str:
    most = max(services for services, _ in plot.points)
    highest = max(seconds for _, seconds in plot.points)
    bottom, inner = _HEIGHT - _BOTTOM, _HEIGHT - _TOP - _BOTTOM

    def at(services: float, seconds: float) -> tuple[float, float]:
        return (
            round(_LEFT + services / most * (_WIDTH - _LEFT - _RIGHT), 1),
            round(bottom - seconds / highest * inner, 1),
        )

    first, seconds = plot.points[0]
    until = min(most, highest / seconds * first)
    line = " ".join(f"{x},{y}" for x, y in (at(*point) for point in plot.points))
    (x1, y1), (x2, y2) = at(0, 0), at(until, until / first * seconds)
    marks = "".join('<circle cx="{}" cy="{}" r="3"/>'.format(*at(*point)) for point in plot.points)
    numbers = "".join(
        f'<text x="{at(services, 0)[0]}" y="{bottom + 16}" text-anchor="middle">{services}</text>'
        for services, _ in plot.points
    )
    return (
        f'<text class="title" x="{_LEFT}" y="16">{escape(plot.title)}</text>'
        f'<path class="axis" d="M{_LEFT},{_TOP}V{bottom}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{highest:.1f} s</text>'
        f'<text x="{_LEFT - 6}" y="{bottom + 4}" text-anchor="end">0</text>'
        f'<path class="linear" d="M{x1},{y1}L{x2},{y2}"/>'
        f'<polyline class="measured" points="{line}"/>{marks}{numbers}'
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end">services</text>'
    )
