"""Ray, of the packages that a cluster is installed from: downloaded once a machine, on no path of tests."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from engine import wheels
from engine.errors import EngineError
from engine.report import ConsoleReport


@functools.cache
def packages() -> Path:
    """The folder of the packages; a test is skipped where there are none for this machine."""
    try:
        return wheels.ensure("ray", ConsoleReport(), of_python=True)
    except EngineError as error:
        pytest.skip(f"Ray cannot be installed here: {error}")


def with_ray(environment: dict[str, str]) -> dict[str, str]:
    """The variables of a process that finds Ray, as if the extra `ray` were installed beside its Python.

    Args:
        environment: what it gets besides.
    """
    paths = [str(packages()), *filter(None, (environment.get("PYTHONPATH"),))]
    return environment | {"PYTHONPATH": os.pathsep.join(paths)}


def python(folder: Path, hook: str | None = None) -> Path:
    """The Python of a virtual environment as this one, in which the extra `ray` is installed, too.

    Commands take no packages from variables: this has them where Python itself looks.

    Args:
        folder: where it is made, a small one.
        hook: a module that it imports whenever it starts.
    """
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    lines = [
        f"import site; site.addsitedir({place!r})\n"
        for place in (sysconfig.get_path("purelib"), str(packages()))
    ]
    lines += [] if hook is None else [f"import {hook}\n"]
    (site / "with_ray.pth").write_text("".join(lines))
    return folder / "bin" / "python"


def command() -> list[str]:
    """The command line of `ray`, to be run with the variables of `with_ray`."""
    return [sys.executable, "-m", "ray.scripts.scripts"]
