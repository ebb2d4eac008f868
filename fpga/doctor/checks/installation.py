"""The installation of a checkout: Python, the virtual environment, the engine, and what makes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fpga.doctor.finding import Finding, error, fine, or_fine, warning

_PYTHON: Final = "Python"
_VENV: Final = "virtual environment"
_ENGINE: Final = "engine"
_PROGRAMS: Final = "programs"


@dataclass(frozen=True)
class Python:
    """The Python that runs this.

    Attributes:
        version: such as (3, 11, 9).
        locked: the minor versions of Python 3 that the locked packages are published for.
    """

    version: tuple[int, ...]
    executable: str
    locked: Sequence[int]


@dataclass(frozen=True)
class Environment:
    """The virtual environment.

    Attributes:
        checkout: the checkout that the commands act on.
        venv: where its environment belongs.
        is_there: whether it has a Python.
        is_current: whether it was made for the lock, project file and Python of now.
        prefix: the environment that this runs in.
        code: the checkout that this code is of.
    """

    checkout: Path
    venv: Path
    is_there: bool
    is_current: bool
    prefix: Path
    code: Path


@dataclass(frozen=True)
class Engine:
    """The Pulumi CLI in `.local`.

    Attributes:
        wanted: the version that the program is pinned to.
        found: the version of the CLI; None: there is none, or it does not tell.
        trouble: why it does not tell; empty where there is none, or it does.
        missing: files that belong beside it, and are not there.
    """

    wanted: str
    found: str | None
    trouble: str = ""
    missing: Sequence[str] = ()


def python(facts: Python) -> list[Finding]:
    """Whether this Python is one that the project runs on."""
    version = ".".join(map(str, facts.version))
    newest = max(facts.locked, default=facts.version[1])
    remedy = f"`make bootstrap PYTHON=python3.{newest}` takes another one; its path will do, too"
    if facts.version < (3, 11):
        return [error(_PYTHON, f"{version} ({facts.executable}) is older than 3.11", remedy)]
    if facts.version[:2] > (3, newest):
        told = f"{version} ({facts.executable}) is newer than the locked packages, published up to 3.{newest}"
        return [error(_PYTHON, told, remedy)]
    return [fine(_PYTHON, f"{version}, {facts.executable}")]


def environment(facts: Environment) -> list[Finding]:
    """Whether the virtual environment is there, of now, and the one that runs."""
    problems = []
    if facts.code != facts.checkout:
        told = f"this fpga is of the checkout {facts.code}, and acts on {facts.checkout}"
        own = shlex.quote(str(facts.venv / "bin" / "fpga"))
        problems.append(warning(_VENV, told, f"run {own}, or `. .local/activate` in {facts.checkout}"))
    if not facts.is_there:
        problems.append(error(_VENV, f"{facts.venv} is not there", "`make bootstrap` makes it"))
    elif not facts.is_current:
        told = f"{facts.venv} was made for another requirements.lock, pyproject.toml, Python or place"
        problems.append(error(_VENV, told, "`make bootstrap` brings it up to date"))
    elif facts.prefix != facts.venv:
        told = f"this runs in {facts.prefix}, not in the checkout's own environment"
        problems.append(warning(_VENV, told, f"run {shlex.quote(str(facts.venv / 'bin' / 'fpga'))}"))
    return or_fine(problems, _VENV, f"{facts.venv}, as requirements.lock says")


def engine(facts: Engine) -> list[Finding]:
    """Whether the CLI is there, whole, and new enough."""
    remedy = "`make engine` installs it (four to five minutes where it must be built)"
    if facts.found is None:
        return [error(_ENGINE, facts.trouble or "there is no Pulumi CLI in .local/bin", remedy)]
    if _numbers(facts.found) < _numbers(facts.wanted):
        told = f"Pulumi {facts.found} is older than {facts.wanted}, which the program is pinned to"
        return [error(_ENGINE, told, "`make engine` brings it up to date")]
    if facts.missing:
        return [error(_ENGINE, f"{', '.join(facts.missing)} is not there", "`make engine` puts it back")]
    return [fine(_ENGINE, f"Pulumi {facts.found}")]


def programs(missing: Sequence[str]) -> list[Finding]:
    """Whether the programs that the project needs from the machine are on PATH."""
    if missing:
        return [
            error(_PROGRAMS, f"{one} is not on PATH", f"install it (Debian and Ubuntu: apt install {one})")
            for one in missing
        ]
    return [fine(_PROGRAMS, "make and git are there")]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0]))
