"""How much of a room the tests ran: counted over all its modules, those too that no test imported."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import Coverage
from rich.console import Console

from tools.covered import Room, rooms, show


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Two rooms; a run has been through half of a module of the first one."""
    (tmp_path / "hall").mkdir()
    (tmp_path / "attic").mkdir()
    (tmp_path / "hall" / "seen.py").write_text(
        "def lit():\n    return 1\n\ndef dark():\n    return 2\n\nlit()\n"
    )
    (tmp_path / "hall" / "unseen.py").write_text("x = 1\ny = 2\nz = 3\n")
    (tmp_path / "attic" / "empty.py").write_text("")
    run = [sys.executable, "-m", "coverage", "run", "--rcfile=", "--data-file=kept", "hall/seen.py"]
    subprocess.run(run, cwd=tmp_path, check=True)
    return tmp_path


def test_a_room_is_all_its_modules(checkout: Path) -> None:
    coverage = Coverage(data_file=str(checkout / "kept"), config_file=False)
    coverage.load()

    assert list(rooms(coverage, checkout, ["hall", "attic"])) == [Room("hall", 8, 4), Room("attic", 0, 0)]


def test_the_table_has_a_line_for_each_and_one_for_all() -> None:
    told = io.StringIO()

    show([Room("hall", 8, 4), Room("attic", 1000, 999), Room("yard", 0, 0)], Console(file=told, width=80))

    assert [line.split() for line in told.getvalue().splitlines()] == [
        ["room", "statements", "run", "by", "tests"],
        ["hall", "8", "4", "50", "%"],
        ["attic", "1000", "999", "99", "%"],
        ["yard", "0", "0", "-"],
        ["all", "1008", "1003", "99", "%"],
    ]
