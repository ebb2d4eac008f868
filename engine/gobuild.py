"""The CLI built from its own Go modules: the way that needs nothing but a Go module proxy."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from engine import go_toolchain, trust
from engine.errors import EngineError
from engine.process import run
from engine.report import Report

MODULE = Path(__file__).parent / "cli"
CLI = "github.com/pulumi/pulumi/pkg/v3"
PACKAGE = f"{CLI}/cmd/pulumi"
SDK = "github.com/pulumi/pulumi/sdk/v3"
LAUNCHER = "python/cmd/pulumi-language-python-exec"
"""What runs a program, in the sdk module."""


def entry(version: str) -> str:
    """The name of this build in the cache: it depends on the modules' hashes and on the machine's kind."""
    modules = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()
    return f"pulumi-{version}-build-{platform.system()}-{platform.machine()}-{modules[:16]}".lower()


def build(version: str, out: Path, report: Report) -> None:
    """Compile the CLI of `version` into the folder `out`, with the Python runtime's scripts beside it.

    Raises:
        EngineError: go.mod is of another version, no Go can be had, or the build fails.
    """
    if not re.search(rf"\b{re.escape(CLI)} v{re.escape(version)}\s", (MODULE / "go.mod").read_text()):
        raise EngineError(f"engine/cli/go.mod does not build Pulumi {version}: bring it to that version.")
    with go_toolchain.provide(report) as go:
        with report.stage("Fetching the CLI's Go modules"):
            packages = _count_packages(go, report)
        with report.stage("Compiling the Pulumi CLI"):
            compiled = 0

            def count(line: str) -> None:
                nonlocal compiled
                # `go build -v` prints the name of each package that it compiles, and nothing else but
                # complaints.
                if " " not in line:
                    compiled += 1
                    report.progress(f"{compiled} of at most {packages} packages compiled")

            run(
                [go.executable, "build", "-v", *_flags(version), "-o", out / "pulumi", PACKAGE],
                what="Building the Pulumi CLI",
                env=go.env,
                cwd=MODULE,
                on_line=count,
                explain=trust.go,
            )
        sdk = Path(_ask(go, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", SDK))
        shutil.copyfile(sdk / LAUNCHER, out / Path(LAUNCHER).name)


def _flags(version: str) -> list[str]:
    return [
        "-mod=readonly",
        "-trimpath",
        "-ldflags",
        f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}",
    ]


def _count_packages(go: go_toolchain.Go, report: Report) -> int:
    """How many packages the build consists of; on the way there the modules are downloaded."""
    fetched = packages = 0

    def count(line: str) -> None:
        nonlocal fetched, packages
        if line.startswith("go: downloading"):
            fetched += 1
            report.progress(f"{fetched} modules fetched")
        else:
            packages += 1

    run(
        [go.executable, "list", "-mod=readonly", "-deps", PACKAGE],
        what="Fetching the Pulumi CLI's Go modules",
        env=go.env,
        cwd=MODULE,
        on_line=count,
        explain=trust.go,
    )
    return packages


def _ask(go: go_toolchain.Go, *question: str) -> str:
    done = subprocess.run(
        [go.executable, *question], env=go.env, cwd=MODULE, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EngineError(f"go {question[0]} failed: {done.stderr.strip() or os.strerror(done.returncode)}")
    return done.stdout.strip()
