"""A program that is compiled from Go modules with a committed go.mod and go.sum, once a user."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from engine import cache, go_toolchain, trust
from engine.process import run
from engine.report import Report


def ensure(module: Path, package: str, report: Report, *, what: str) -> Path:
    """The executable of a Go package, compiled where it is not in the cache.

    Args:
        module: folder of the go.mod and go.sum that name the package's version and hashes.
        package: import path of the program; its last element names the executable.
        what: what a person knows it as, for progress and errors.

    Raises:
        EngineError: no Go can be had, or its modules cannot be fetched.
    """
    program = package.rpartition("/")[2]
    modules = hashlib.sha256((module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()).hexdigest()
    name = f"{program}-{platform.system()}-{platform.machine()}-{modules[:16]}".lower()

    def compile_it(out: Path) -> None:
        with go_toolchain.provide(report) as go, report.stage(f"Compiling {what}"):
            run(
                [
                    go.executable, "build", "-v", "-mod=readonly", "-trimpath", "-ldflags", "-s -w",
                    "-o", out / program, package,
                ],
                what=f"Building {what}",
                env=go.env,
                cwd=module,
                on_line=report.progress,
                explain=trust.go,
            )  # fmt: skip

    return cache.ensure(name, compile_it, report) / program
