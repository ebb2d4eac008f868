"""Pebble's executable, from the Go module proxy: about twenty seconds, once a machine."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from engine import cache, go_toolchain
from engine.process import run
from engine.report import Report

MODULE = Path(__file__).parent
PACKAGE = "github.com/letsencrypt/pebble/v2/cmd/pebble"


def ensure(report: Report) -> Path:
    """The executable, compiled where it is not in the cache.

    Raises:
        EngineError: no Go can be had, or its modules cannot be fetched.
    """
    modules = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()
    name = f"pebble-{platform.system()}-{platform.machine()}-{modules[:16]}".lower()
    return cache.ensure(name, lambda out: _build(out, report), report) / "pebble"


def _build(out: Path, report: Report) -> None:
    with go_toolchain.provide(report) as go, report.stage("Compiling the ACME server pebble"):
        run(
            [
                go.executable, "build", "-v", "-mod=readonly", "-trimpath", "-ldflags", "-s -w",
                "-o", out / "pebble", PACKAGE,
            ],
            what="Building pebble",
            env=go.env,
            cwd=MODULE,
            on_line=report.progress,
        )  # fmt: skip
