"""Azurite, the storage emulator that localcloud runs: installed from its npm lock file into the cache.

The lock file names packages by version and hash but not by address, so that npm asks the registry that is
configured. To move to another version: change package.json, then
`npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine import cache, node, trust
from engine.errors import EngineError
from engine.process import run
from engine.report import Report

FOLDER = Path(__file__).parent
MANIFESTS = ("package.json", "package-lock.json")
WHAT = "Installing Azurite with npm"
OPTIONS = (
    *("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=http"),
    # Before what a person's .npmrc says of their own projects.
    *("--global=false", "--dry-run=false", "--package-lock=true", "--install-strategy=hoisted"),
    *("--include=prod", "--include=optional", "--include=peer"),
)


@dataclass(frozen=True)
class AzuriteParts:
    """The parts that run Azurite.

    Attributes:
        node: Node's executable, version 22 or newer.
        package: the root of the installed npm package `azurite`.
    """

    node: Path
    package: Path


def ensure(report: Report) -> AzuriteParts:
    """Azurite and a Node to run it, installed where they are missing.

    Raises:
        EngineError: no Node can be had, or npm fails.
    """
    runtime = node.provide(report)
    fetched = 0

    def count(line: str) -> None:
        nonlocal fetched
        if reason := trust.npm(line):
            # It would try each package three times more, for more than a minute.
            raise EngineError(f"{WHAT} failed: {reason}")
        if line.startswith("npm http fetch"):
            fetched += 1
            report.progress(f"{fetched} packages fetched")

    def install(out: Path) -> None:
        for name in MANIFESTS:
            shutil.copyfile(FOLDER / name, out / name)
        # npm's scripts start `node` by its name.
        path = os.pathsep.join([str(runtime.executable.parent), os.environ.get("PATH", os.defpath)])
        with report.stage("Installing Azurite"):
            run(
                [*runtime.npm, "ci", *OPTIONS],
                what=WHAT,
                env=node.environment() | {"PATH": path},
                cwd=out,
                on_line=count,
            )

    digest = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in MANIFESTS)).hexdigest()[:16]
    folder = cache.ensure(f"azurite-{digest}", install, report)
    return AzuriteParts(runtime.executable, folder / "node_modules" / "azurite")
