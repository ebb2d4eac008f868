"""Files that a command is to write: refused before the work, not after it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fpga.files import require_place, write_together, write_whole
from infra.settings.reader import PROJECT_ROOT
from tests.support import waits
from tools.story.narrator import StoryError
from tools.story.team import founded

FPGA = Path(sys.executable).parent / "fpga"


def test_a_place_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    there = tmp_path / "plan.json"
    there.write_text("of yesterday")

    require_place(there)
    require_place(tmp_path / "new.json")

    assert there.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [there]


def test_a_place_that_takes_no_file_is_told_by_its_own_name(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "plan.json"
    with pytest.raises(FileNotFoundError) as caught:
        require_place(missing)
    assert caught.value.filename == str(missing)
    with pytest.raises(IsADirectoryError) as caught_folder:
        require_place(tmp_path)
    assert caught_folder.value.filename == str(tmp_path)


@pytest.mark.parametrize(
    "command",
    [["plan", "--out"], ["plan", "--save-plan"], ["watch", "--out"]],
    ids=" ".join,
)
def test_a_command_begins_nothing_whose_outcome_has_no_place(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "missing" / "out.json"

    done = subprocess.run(
        [FPGA, *command, str(out), "-s", "nowhere"], cwd=tmp_path, capture_output=True, text=True
    )

    assert (done.returncode, waits.without(done.stderr)) == (1, f"error: {out}: No such file or directory\n")


def test_a_story_takes_no_folder_that_holds_something_else(tmp_path: Path) -> None:
    dear = tmp_path / "thesis.tex"
    dear.write_text("years of work")

    with (
        pytest.raises(StoryError, match="holds something else than a story"),
        founded(tmp_path, PROJECT_ROOT),
    ):
        pass

    assert dear.read_text() == "years of work"


def test_a_story_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "story"
    for _ in range(2):
        with founded(folder, PROJECT_ROOT) as team:
            assert list(team.artifacts.iterdir()) == []
            (team.artifacts / "plan-dev.json").touch()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
@pytest.mark.parametrize(
    "write",
    [lambda path: write_whole(path, b"new"), lambda path: write_together({path: b"new"}, overwrite=True)],
)
def test_a_full_disk_is_told_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], object]
) -> None:
    """The system names no file when a write fails; and what was there stays, with nothing beside it."""
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def full(descriptor: int, mode: str) -> object:
        os.close(descriptor)
        return Path("/dev/full").open(mode)

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write(path)

    assert caught.value.filename == str(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"before"]
