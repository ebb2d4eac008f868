"""The arithmetic of the benchmark of many services, its picture and its page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tools.bench import growth, growth_page, services
from tools.bench.cost import Cost
from tools.bench.growth import Point
from tools.bench.plot import Plot, svg
from tools.chaos.page import PageError

TURNS = [
    {0: Cost(1.0, 0.5), 1: Cost(2.0, 1.0), 10: Cost(3.0, 2.0), 50: Cost(11.0, 8.0)},
    {0: Cost(2.0, 0.5), 1: Cost(4.0, 1.0), 10: Cost(8.0, 2.0), 50: Cost(18.0, 8.0)},
    {0: Cost(1.0, 0.5), 1: Cost(2.0, 1.0), 10: Cost(5.0, 2.0), 50: Cost(10.0, 8.0)},
]


def test_figures_are_medians_and_ratios_are_of_each_turn() -> None:
    """A turn in which the machine was busy with other things slows all of its figures down alike."""
    empty, one, ten, fifty = growth.points(TURNS)
    assert empty == Point(0, 1, 0.5, 0.5, None)
    assert one == Point(1, 2, 1, 1, None)
    assert ten == Point(10, 5, 2, 2, 3 / 9)
    assert fifty == Point(50, 11, 8, 5, 6 / 40)


@pytest.mark.parametrize(("seconds", "linear"), [(20.0, True), (20.2, False)])
def test_growth_is_linear_where_ten_times_the_services_cost_ten_times_as_much(
    seconds: float, linear: bool
) -> None:
    found = growth.points([{1: Cost(2, 1), 10: Cost(seconds, 1), 20: Cost(21, 1)}])
    assert growth.is_at_most_linear(found) is linear


def test_the_smallest_number_is_what_others_are_beside() -> None:
    found = growth.points([{2: Cost(2, 1), 4: Cost(4, 1)}])
    assert [point.ratio for point in found] == [1, 2]
    assert growth.is_at_most_linear(found)


def test_a_picture_has_each_point_at_its_place() -> None:
    root = ElementTree.fromstring(svg([Plot("one & all", [(1, 1.0), (50, 4.0)])]))  # noqa: S314 - our own
    space = {"svg": "http://www.w3.org/2000/svg"}
    marks = [(float(at.attrib["cx"]), float(at.attrib["cy"])) for at in root.findall(".//svg:circle", space)]
    assert marks == [(47.7, 115.0), (228.0, 28.0)]
    # the linear line goes through the first point, and ends at the top
    assert root.findall(".//svg:path", space)[1].attrib["d"] == "M44.0,144.0L58.7,28.0"
    assert root.attrib["aria-label"] == "one & all: 1.00 s for 1, 4.00 s for 50"


def _result() -> dict[str, Any]:
    points = [asdict(point) for point in growth.points(TURNS)]
    served = [point for point in points if point["services"]]
    return {
        "turns": 3,
        "changing_turns": 2,
        "points": {"preview": points, "update": served, "create": served},
        "machine": {"cores": 2, "python": "3.11.7", "pulumi": "3.1", "load_before": 0.5, "load_after": 9.5},
    }


def test_the_page_has_table_and_picture_renewed_and_its_words_kept(tmp_path: Path) -> None:
    target = tmp_path / "page.md"
    target.write_text(
        "# T\n\n## Many services in a stack\n\nProse.\n\n| a |\n| --- |\n\n_Before._\n\nMore.\n"
    )
    growth_page.write(target, _result())
    text = target.read_text()
    assert "| preview, no change | none, an empty program | 1.00 | 0.50 | 0.50 |  |" in text
    assert "| preview, no change | 50 | 11.00 | 8.00 | 5.00 | 0.150 |" in text
    assert "| create | 10 | 5.00 | 2.00 | 2.00 | 0.333 |" in text
    assert (
        "_Medians of 3 previews, 2 updates and creations, on 2 cores; 0.5 processes wanted one before" in text
    )
    assert (text.startswith("# T\n"), text.endswith("\nMore.\n")) == (True, True)
    assert (tmp_path / "page.svg").read_text().count("<polyline") == 3


def test_a_page_without_the_section_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "page.md"
    target.write_text("# T\n")
    with pytest.raises(PageError, match="no section 'Many services in a stack'"):
        growth_page.write(target, _result())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--services", "1,0"], "argument --services: invalid"),
        (["--services", "many"], "argument --services: invalid"),
        (["--turns", "0"], "--turns 0: give 1 or more"),
        (["--write", "/no/such/page.md"], "--write /no/such/page.md: there is no such page"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        services.main(arguments)
    assert told in capsys.readouterr().err


def test_the_page_of_the_repository_can_be_renewed() -> None:
    page = Path(__file__).parents[3] / "docs" / "performance.md"
    assert growth_page.renewed(page.read_text(), _result()) != page.read_text()
