"""Which Pythons a machine has, in whatever state, and what becomes of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import pythons
from tools.pythons import LeftOut, Python, find

OWN = 11
SUPPORTED = [11, 12, 13, 14]
REFUSING = "echo 'pyenv: python3.12: command not found' >&2; exit 127"
Put = Callable[[str, int, str], Path]


def answering(implementation: str, version: int, *missing: str) -> str:
    return f"echo '{json.dumps([implementation, version, missing])}'"


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Puts a program `python3.VERSION` into a folder of the machine."""

    def program(folder: str, version: int, script: str) -> Path:
        path = tmp_path / folder / f"python3.{version}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        return path

    return program


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{tmp_path}/shims:{tmp_path}/bin", "PYENV_ROOT": str(tmp_path / "pyenv")}


def test_a_machine_with_one_python_has_no_other(put: Put, environ: dict[str, str]) -> None:
    put("bin", OWN, answering("CPython", OWN))
    assert find(SUPPORTED, OWN, environ) == [LeftOut(OWN, "make test uses it")]


def test_one_behind_a_shim_that_refuses_is_found_in_pyenv(put: Put, environ: dict[str, str]) -> None:
    put("shims", 12, REFUSING)
    put("pyenv/versions/3.12.1/bin", 12, answering("CPython", 12))
    latest = put("pyenv/versions/3.12.10/bin", 12, answering("CPython", 12))
    assert find(SUPPORTED, OWN, environ) == [Python(12, latest)]


def test_one_on_the_path_goes_before_pyenvs(put: Put, environ: dict[str, str]) -> None:
    there = put("bin", 13, answering("CPython", 13))
    put("pyenv/versions/3.13.0/bin", 13, answering("CPython", 13))
    assert find(SUPPORTED, OWN, environ) == [Python(13, there)]


def test_those_that_do_not_run_are_left_out_with_the_reason(put: Put, environ: dict[str, str]) -> None:
    refusing = put("shims", 12, REFUSING)
    bare = put("bin", 13, answering("CPython", 13, "ensurepip", "ssl"))
    newer = put("bin", 15, answering("CPython", 15))
    other = put("bin", 14, answering("PyPy", 14))
    assert find(SUPPORTED, OWN, environ) == [
        LeftOut(12, f"{refusing} does not run: pyenv: python3.12: command not found"),
        LeftOut(13, f"{bare} lacks ensurepip, ssl"),
        LeftOut(14, f"{other} is PyPy 3.14"),
        LeftOut(15, f"the locked packages are not published for it ({newer})"),
    ]


def test_what_does_not_answer_is_left_out(put: Put, environ: dict[str, str]) -> None:
    silent = put("bin", 12, "exit 0")
    (broken := put("bin", 13, "")).write_text("#!/there/is/no/such/interpreter\n")
    assert find(SUPPORTED, OWN, environ) == [
        LeftOut(12, f"{silent} does not answer as Python does (JSONDecodeError)"),
        LeftOut(13, f"{broken} does not answer as Python does (FileNotFoundError)"),
    ]


def test_a_real_one_is_taken(tmp_path: Path) -> None:
    version = sys.version_info[1]
    (tmp_path / f"python3.{version}").symlink_to(sys.executable)
    found = find([version, version + 1], version + 1, {"PATH": str(tmp_path)})
    assert found == [Python(version, tmp_path / f"python3.{version}")]


def test_the_project_names_those_that_it_supports() -> None:
    assert pythons.supported()[:3] == [11, 12, 13]
    assert sys.version_info[1] in pythons.supported()
