"""The page of measured tables: renewed table by table, and of the shape that the command writes."""

from __future__ import annotations

import pytest

from tools.chaos import __main__ as command
from tools.chaos import page
from tools.chaos.table import Table

TEXT = """# Page

## First

Prose.

| old | head |
| --- | --- |
| a | b |

_Measured before._

More prose | with a bar.

## Second

| kept |
| --- |

_As it was._
"""


def test_a_table_is_exchanged_and_the_prose_stays() -> None:
    table = Table(("kind", "lost"), [["groups", 1234], ["zones", 0]])
    made = page.renewed(TEXT, "First", table, "Measured now.")
    assert made == TEXT.replace(
        "| old | head |\n| --- | --- |\n| a | b |\n\n_Measured before._",
        "| kind | lost |\n| --- | ---: |\n| groups | 1,234 |\n| zones | 0 |\n\n_Measured now._",
    )
    assert page.heads(made, "First") == ["kind", "lost"]
    assert page.renewed(made, "First", table, "Measured now.") == made


@pytest.mark.parametrize("text", [TEXT.replace("First", "Another"), TEXT.replace("_Measured", "Measured")])
def test_a_page_without_its_place_is_refused(text: str) -> None:
    with pytest.raises(page.PageError, match="has no section 'First' with a table and a line in _italics_"):
        page.renewed(text, "First", Table(("a",)), "now")


def test_sums_are_of_whole_numbers() -> None:
    table = Table(("kind", "lost", "ratio", "words"), [["a", 1, 0.5, "x"], ["b", 2, 0.25, "y"]])
    table.add_total()
    assert table.rows[-1][:2] == ["all", 3]
    assert "| a | 1 | 0.50 | x |" in table.markdown()


def test_each_part_has_its_section_with_a_measured_table() -> None:
    for part, title in command.PARTS.items():
        assert len(page.heads(command.PAGES[part].read_text(), title)) > 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["storms"], "there is no part storms: kills, faults"),
        (["--seconds", "-1"], "--seconds -1: give 0 or more"),
    ],
)
def test_odd_command_lines_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert words in capsys.readouterr().err
