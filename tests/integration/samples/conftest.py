"""What the tests of the samples share: the programs, and a service that they call."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from engine.report import ConsoleReport
from tests.support.localcloud.deployed_service import authority, bundle, deployed
from tests.support.samples import build
from tests.support.samples.build import Program, ToolchainMissing

__all__ = ["authority", "bundle", "deployed"]

TIMEOUT_S: Final = 120.0
BUILDS: Final[Mapping[str, Callable[[ConsoleReport], dict[str, Program]]]] = {
    "Python": build.python,
    "Python, asyncio": build.python,
    "Go": build.of_go,
    "Node.js": build.of_node,
    "Java": build.of_java,
    "C#": build.of_csharp,
}
"""Each sample, and what builds it."""


@cache
def _built(name: str) -> Program | str:
    """The program, or why there is none."""
    try:
        return BUILDS[name](ConsoleReport())[name]
    except ToolchainMissing as missing:
        return str(missing)


class Sample:
    """A sample, which is run with these variables of a service and no others."""

    def __init__(self, name: str, program: Program) -> None:
        self.name, self._program = name, program

    def __call__(self, *photos: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        with self.begun(*photos, **variables) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT_S)
            finally:
                process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def begun(self, *photos: Path, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._program.command, *map(os.fspath, photos)],
            cwd=self._program.folder,
            env={**self._program.env, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(params=BUILDS)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Each sample in its turn."""
    program = _built(request.param)
    if isinstance(program, str):
        pytest.skip(f"the sample in {request.param} is not run: {program}")
    return Sample(request.param, program)
