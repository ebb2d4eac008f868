"""`make` in folders of any name: what it runs, with tools in miniature in the place of the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.settings.reader import PROJECT_ROOT
from tests.support.odd_folders import ODD

TOOLS = ("python", "fpga", "pytest", "ruff", "mypy", "lint-imports", "check-jsonschema", "zizmor")
TOOL = """\
#!/bin/sh
printf '%s\\n' "${0##*/} $*" >> "$HEARD"
"""
BOOTSTRAP = ["python3 -c 0", "python3 engine/bootstrap.py"]  # whether it runs at all is asked first
RUNS = {
    "bootstrap": BOOTSTRAP,
    "engine": [*BOOTSTRAP, "python -m engine install"],
    "up": [*BOOTSTRAP, "fpga up"],
    "fuzz": [*BOOTSTRAP, "python -m tools.fuzz"],
    "bench": [*BOOTSTRAP, "python -m tools.bench"],
    "chaos": [*BOOTSTRAP, "python -m tools.chaos --seconds 60"],
    "story": [*BOOTSTRAP, "python -m tools.story"],
    "down": ["fpga down"],
    "clean": ["fpga clean"],
}


class Checkout:
    """A folder with the project's Makefile, and tools that note how they are called."""

    def __init__(self, folder: Path, local: Path) -> None:
        self.folder, self.local = folder, local
        folder.mkdir(parents=True)
        shutil.copy(PROJECT_ROOT / "Makefile", folder)
        self.heard = folder / "heard"
        for name in TOOLS:
            self.tool(local / "venv" / "bin" / name)
        self.python = folder / "my python" / "python3"
        self.tool(self.python)

    def tool(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TOOL)
        path.chmod(0o700)

    def make(self, *arguments: str, **variables: str) -> list[str]:
        """What was run, one line each."""
        self.heard.unlink(missing_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HEARD": str(self.heard),
            "PYTHON": str(self.python),
        } | variables
        done = subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return self.heard.read_text().splitlines() if self.heard.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / ODD, tmp_path / ODD / ".local")


@pytest.mark.parametrize("target", RUNS)
def test_target_runs_its_tools_in_an_odd_folder(checkout: Checkout, target: str) -> None:
    assert checkout.make(target) == RUNS[target]


def test_lint_and_test_run_their_tools_in_an_odd_folder(checkout: Checkout) -> None:
    called = [line.split()[0] for line in checkout.make("test")]
    assert called[-2:] == ["pytest", "python"], "the tests, and then how much of each room they ran"
    assert set(called) == {*TOOLS, "python3"}


def test_local_folder_of_another_name_is_where_the_tools_are(tmp_path: Path) -> None:
    local = tmp_path / "elsewhere" / ODD
    checkout = Checkout(tmp_path / "checkout", local)
    assert checkout.make("up", FPGA_LOCAL=str(local)) == RUNS["up"]
    assert checkout.make("down", FPGA_LOCAL=str(local)) == RUNS["down"]
    assert checkout.make("down", f"FPGA_LOCAL={str(local).replace('$', '$$')}") == RUNS["down"]
    assert checkout.make("down", FPGA_LOCAL="~/elsewhere/b", HOME=str(tmp_path)) == []
    local.rename(tmp_path / "elsewhere" / "b")
    assert checkout.make("down", FPGA_LOCAL="~/elsewhere/b", HOME=str(tmp_path)) == RUNS["down"]


def test_python_may_be_given_as_an_argument(checkout: Checkout) -> None:
    python = str(checkout.python).replace("$", "$$")
    assert checkout.make("bootstrap", f"PYTHON={python}", PYTHON="no-python") == RUNS["bootstrap"]


def test_clean_removes_what_a_run_that_broke_off_has_left(checkout: Checkout) -> None:
    (checkout.local / "venv" / "bin" / "fpga").unlink()
    assert checkout.make("clean") == []
    assert not checkout.local.exists()
    assert checkout.folder.exists()
