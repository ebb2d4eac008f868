"""What the story shows, on a terminal of any width and where there is none."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tools.story.narrator import Narrator, StoryError

COMMAND = (
    "fpga", "stack", "new", "staging", "--cloud", "../clouds/of our own", "--backend",
    "azblob://pulumi-state?storage_account=contosostaging&domain=127.0.0.1:28000",
)  # fmt: skip
PRINTED = "  `export SECRET=$(cat ../clouds/a b/client-secret)`, or, in its file, `pulumi config set -s dev`"


def told(columns: int | None, folder: Path) -> tuple[Narrator, Path]:
    log = folder / "story.log"
    return Narrator(log, columns), log


@pytest.mark.parametrize("columns", [None, 40, 80, 120])
def test_a_command_can_be_typed_as_it_is_told(columns: int | None, tmp_path: Path) -> None:
    narrator, log = told(columns, tmp_path)
    narrator.command(COMMAND, "../a b.pem")
    lines = log.read_text().splitlines()
    typed = "\n".join(lines).removeprefix("$ ")
    (tmp_path / "a b.pem").write_text("the key")
    (tmp_path / "repository").mkdir()
    heard = subprocess.run(
        ["sh", "-c", f'fpga() {{ printf "%s\\n" fpga "$@"; cat; }}\n{typed}'],
        cwd=tmp_path / "repository",
        capture_output=True,
        text=True,
        check=True,
    )
    assert heard.stdout.splitlines() == [*COMMAND, "the key"]
    if columns is None:
        assert len(lines) == 1
    else:
        longest = max(len(shlex.quote(word)) for word in COMMAND)
        assert max(map(len, lines)) <= max(columns, longest + 4)
        assert len(lines) == 1 or all(line.endswith(" \\") for line in lines[:-1])


@pytest.mark.parametrize("columns", [None, 20, 40, 80])
def test_what_is_printed_keeps_its_words_and_its_commands(columns: int | None, tmp_path: Path) -> None:
    narrator, log = told(columns, tmp_path)
    narrator.printed(PRINTED)
    lines = log.read_text().splitlines()
    assert " ".join(line.strip() for line in lines) == PRINTED.strip()
    assert all(line.startswith("    ") and line.count("`") % 2 == 0 for line in lines)
    assert (len(lines) == 1) == (columns is None)


@pytest.mark.parametrize("columns", [None, 40, 80, 300])
def test_an_act_begins_with_one_line(columns: int | None, tmp_path: Path) -> None:
    narrator, log = told(columns, tmp_path)
    narrator.act("The first day")
    (line,) = log.read_text().strip().splitlines()
    assert len(line) == min(columns or 100, 100)


@pytest.mark.parametrize("columns", [None, 80])
def test_a_table_of_a_command_is_as_wide_as_there_is_room(columns: int | None, tmp_path: Path) -> None:
    narrator, log = told(columns, tmp_path)
    show = "import os; print('=' * int(os.environ['COLUMNS']))"
    narrator.play((sys.executable, "-c", show), tmp_path, {**os.environ, "COLUMNS": "7"})
    line = log.read_text().splitlines()[-1]
    assert len(line) == (columns or 100)


def test_progress_of_what_a_machine_reads_is_told_apart(tmp_path: Path) -> None:
    narrator, log = told(80, tmp_path)
    work = "import sys; print('{}'); print('localcloud: done', file=sys.stderr)"
    assert narrator.play((sys.executable, "-c", work), tmp_path, os.environ, shown=False) == "{}\n"
    assert log.read_text().splitlines()[-1] == "  localcloud: done"
    assert "{}\n" not in log.read_text()


def test_a_command_that_fails_ends_the_story_with_what_it_said(tmp_path: Path) -> None:
    narrator, log = told(80, tmp_path)
    fail = "import sys; sys.exit('no such stack')"
    with pytest.raises(StoryError, match="ended with exit code 1"):
        narrator.play((sys.executable, "-c", fail), tmp_path, os.environ, shown=False)
    assert log.read_text().splitlines()[-1] == "  no such stack"
