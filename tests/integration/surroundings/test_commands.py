"""The commands in a shell in which a person has set something else: each its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.settings.reader import PROJECT_ROOT
from tests.support import waits

BIN = Path(sys.executable).parent
PACKAGES = ("clients", "engine", "infra", "certs", "fpga", "surroundings", "localcloud", "policy")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of another project's packages, by the names of this one's."""
    folder = tmp_path / "packages"
    for name in PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit(f'{__name__} of another project')\n")
    return folder


def run(
    command: list[str], variables: Mapping[str, str | None], local: Path, cwd: Path = PROJECT_ROOT
) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in {**os.environ, **variables}.items() if value is not None}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**given, "FPGA_LOCAL": str(local)},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def test_packages_of_the_same_names_are_not_taken(packages: Path, tmp_path: Path) -> None:
    astray = {"PYTHONPATH": str(packages), "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"}
    for cwd in (PROJECT_ROOT, packages):
        done = run([str(BIN / "fpga"), "--help"], astray, tmp_path, cwd)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: fpga ")


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONHOME": "/nowhere"},
        {"PYTHONPLATLIBDIR": "nowhere"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONINSPECT": "1"},
        {"PYTHONSAFEPATH": "1"},
        {"VIRTUAL_ENV": "/nowhere"},
        {"HOME": ""},
        {"HOME": None},
        {"TMPDIR": "/nowhere"},
    ],
    ids=str,
)
def test_variable_changes_nothing(variables: Mapping[str, str | None], tmp_path: Path) -> None:
    folder = tmp_path / "ünï"
    done = run([str(BIN / "fpga"), "cloud", "status"], variables, folder)
    assert done.returncode == 1
    assert done.stderr == f"error: No localcloud runs on {folder}/cloud: `fpga cloud up` starts one.\n"


def test_make_runs_its_own_python(packages: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    venv.symlink_to(BIN.parent)
    astray = {"PYTHONPATH": str(packages), "PYTHONHOME": "/nowhere", "PYTHONWARNINGS": "error"}
    done = run(["make", "down"], astray, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing was running.\n", "")


def test_make_gives_a_python_the_variables_of_the_project(packages: Path, tmp_path: Path) -> None:
    """Whatever target it is: what `$(BIN)/python` would see."""
    tool = tmp_path / "venv" / "bin" / "fpga"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\nenv | grep ^PYTHON | sort\n")
    tool.chmod(0o700)
    given: dict[str, str | None] = {name: None for name in os.environ if name.startswith("PYTHON")}
    given |= {"PYTHONPATH": str(packages), "PYTHONSTARTUP": "x", "PYTHONUTF8": "0", "PYTHONHASHSEED": "7"}
    done = run(["make", "down"], given | {"PYTHON": "python3", "PYTHON_VERSION": "3"}, tmp_path)
    assert done.stdout.split() == ["PYTHON=python3", "PYTHONHASHSEED=7", "PYTHONUTF8=1", "PYTHON_VERSION=3"]


def test_another_repository_is_not_asked(tmp_path: Path) -> None:
    """As in a hook of git's, or with a repository whose folder lies elsewhere."""
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    astray = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)}
    told = run([str(BIN / "fpga"), "touched", "--base", "HEAD"], {}, tmp_path)
    led = run([str(BIN / "fpga"), "touched", "--base", "HEAD"], astray, tmp_path)
    assert told.returncode == 0
    assert (led.returncode, led.stdout) == (told.returncode, told.stdout)
    assert waits.without(led.stderr) == waits.without(told.stderr)
