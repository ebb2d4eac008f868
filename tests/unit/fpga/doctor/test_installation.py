"""What the installation of a checkout is told of, by each thing that can be wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fpga.doctor.checks import installation
from fpga.doctor.checks.installation import Engine, Environment, Python
from fpga.doctor.finding import Standing

HERE = Path("/srv/checkout")
PYTHON = Python((3, 12, 4), "/usr/bin/python3", [11, 12, 13, 14])
ENVIRONMENT = Environment(
    HERE, HERE / ".local" / "venv", is_there=True, is_current=True, prefix=HERE / ".local" / "venv", code=HERE
)
ENGINE = Engine("3.250.0", "3.250.0")


def test_what_is_right_is_fine() -> None:
    found = [
        *installation.python(PYTHON),
        *installation.environment(ENVIRONMENT),
        *installation.engine(ENGINE),
        *installation.engine(replace(ENGINE, found="3.251.0-alpha.9")),
        *installation.programs([]),
    ]
    assert {one.standing for one in found} == {Standing.FINE}
    assert not any(one.remedy for one in found)


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ((3, 10, 2), "is older than 3.11"),
        ((3, 15, 0), "is newer than the locked packages, published up to 3.14"),
    ],
)
def test_a_python_outside_of_the_locks_is_an_error(version: tuple[int, ...], told: str) -> None:
    (found,) = installation.python(replace(PYTHON, version=version))
    assert found.standing is Standing.ERROR
    assert told in found.told
    assert "make bootstrap PYTHON=python3.14" in found.remedy


def test_an_environment_that_is_missing_stale_or_anothers() -> None:
    (missing,) = installation.environment(replace(ENVIRONMENT, is_there=False))
    assert (missing.standing, missing.told) == (Standing.ERROR, "/srv/checkout/.local/venv is not there")
    (stale,) = installation.environment(replace(ENVIRONMENT, is_current=False))
    assert stale.standing is Standing.ERROR
    assert "made for another requirements.lock" in stale.told
    assert "make bootstrap" in stale.remedy
    (other,) = installation.environment(replace(ENVIRONMENT, prefix=Path("/opt/venv")))
    assert other.standing is Standing.WARNING
    assert other.told == "this runs in /opt/venv, not in the checkout's own environment"
    (code,) = installation.environment(replace(ENVIRONMENT, code=Path("/srv/another")))
    assert code.standing is Standing.WARNING
    assert code.told == "this fpga is of the checkout /srv/another, and acts on /srv/checkout"


def test_an_engine_that_is_missing_broken_old_or_half() -> None:
    (missing,) = installation.engine(replace(ENGINE, found=None))
    assert (missing.standing, missing.told) == (Standing.ERROR, "there is no Pulumi CLI in .local/bin")
    (broken,) = installation.engine(replace(ENGINE, found=None, trouble="pulumi does not tell its version"))
    assert broken.told == "pulumi does not tell its version"
    (old,) = installation.engine(replace(ENGINE, found="3.99.0"))
    assert old.told == "Pulumi 3.99.0 is older than 3.250.0, which the program is pinned to"
    (half,) = installation.engine(replace(ENGINE, missing=["pulumi-language-python"]))
    assert half.told == "pulumi-language-python is not there"
    for one in (missing, broken, old, half):
        assert one.standing is Standing.ERROR
        assert "make engine" in one.remedy


def test_programs_that_are_missing() -> None:
    (found,) = installation.programs(["git"])
    assert (found.standing, found.told) == (Standing.ERROR, "git is not on PATH")
    assert "apt install git" in found.remedy
