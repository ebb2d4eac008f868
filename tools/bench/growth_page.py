"""The page of how a stack grows, `docs/performance.md`: table and picture are measured, the prose is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.bench import services
from tools.bench.plot import Plot, svg
from tools.chaos import page
from tools.chaos.table import Table

SECTION: Final = "Many services in a stack"


def table(result: Mapping[str, Any]) -> Table:
    """The page's table."""
    made = Table(
        ("command", "services", "seconds", "CPU seconds", "times one", "seconds for each further one")
    )
    for operation, label in services.OPERATIONS.items():
        for point in services.points(result, operation):
            further = "" if point.further_s is None else f"{point.further_s:.3f}"
            number = str(point.services) if point.services else "none, an empty program"
            made.rows.append((label, number, point.wall_s, point.cpu_s, point.ratio, further))
    return made


def measured(result: Mapping[str, Any]) -> str:
    """The page's line on where and how the figures were measured."""
    machine = result["machine"]
    return (
        f"Medians of {result['turns']} previews, {result['changing_turns']} updates and creations, on "
        f"{machine['cores']} cores; {machine['load_before']} processes wanted one before the benchmark, "
        f"{machine['load_after']} at its end (load average of five minutes). Python {machine['python']}, "
        f"Pulumi {machine['pulumi']}."
    )


def picture(result: Mapping[str, Any]) -> str:
    """The page's picture, in SVG."""
    return svg(
        [
            Plot(
                label,
                [(one.services, one.wall_s) for one in services.points(result, operation) if one.services],
            )
            for operation, label in services.OPERATIONS.items()
        ]
    )


def renewed(text: str, result: Mapping[str, Any]) -> str:
    """The page with another table.

    Raises:
        PageError: it has no section for that.
    """
    return page.renewed(text, SECTION, table(result), measured(result))


def write(target: Path, result: Mapping[str, Any]) -> None:
    """Renews the table of a page, and the picture beside it.

    Raises:
        PageError: the page has no section for the table.
    """
    target.write_text(renewed(target.read_text("utf-8"), result), "utf-8")
    target.with_suffix(".svg").write_text(picture(result), "utf-8")
