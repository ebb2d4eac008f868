"""The samples, built in the user's cache by the steps of their own pages, for each state of their files."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import bootstrap, cache, go, node
from engine.errors import EngineError
from engine.process import run
from engine.report import Report
from surroundings import variables

CHECKOUT: Final = Path(__file__).parents[3]
PROTOS: Final = "clients/wire/protos"


class ToolchainMissing(Exception):
    """What a sample is built with is not there; the message names it."""


@dataclass(frozen=True)
class Program:
    """A sample that can be run.

    Attributes:
        command: to which photos are added.
        env: the variables that it is run with, beside those of the service.
        folder: where it is run.
    """

    command: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path


def python(report: Report) -> dict[str, Program]:
    """Both Python samples, in an environment of their own, by the Python that runs the tests."""

    def build(folder: Path) -> None:
        run([sys.executable, "-m", "venv", ".venv"], what="Making the environment", env=_plain(), cwd=folder)
        own = folder / ".venv/bin/python"
        pip: list[str | Path] = [
            own,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            "requirements.lock",
        ]
        run(pip, what="Installing the Python sample", env=bootstrap.pip_environment(own), cwd=folder)
        _generate(folder, {"PYTHON": str(own)})

    folder = _built("python", build, report, ".".join(map(str, sys.version_info[:2])))
    own = str(folder / ".venv/bin/python")
    env = {**_plain(), "PYTHONPATH": "generated"}
    return {
        "Python": Program((own, "score.py"), env, folder),
        "Python, asyncio": Program((own, "score_async.py"), env, folder),
    }


def of_go(report: Report) -> dict[str, Program]:
    """The Go sample.

    Raises:
        ToolchainMissing: there is no Go that is new enough.
    """

    def build(folder: Path) -> None:
        with ExitStack() as opened:
            try:
                found = opened.enter_context(go.toolchain(report))
            except EngineError as error:
                raise ToolchainMissing(f"there is no Go: {error}") from None
            path = f"{found.executable.parent}{os.pathsep}{found.env.get('PATH', os.defpath)}"
            env = {**found.env, "PATH": path, "PROTOC": str(Path(sys.executable).with_name("protoc"))}
            tool = str(found.executable)
            run([tool, "generate", "./..."], what="Generating the Go sample", env=env, cwd=folder)
            compiled = [tool, "build", "-mod=readonly", "-o", "score", "."]
            run(compiled, what="Compiling the Go sample", env=env, cwd=folder)

    folder = _built("go", build, report)
    return {"Go": Program((str(folder / "score"),), _plain(), folder)}


def of_node(report: Report) -> dict[str, Program]:
    """The Node.js sample, by the Node that the project takes.

    Raises:
        ToolchainMissing: there is none that is new enough.
    """
    try:
        found = node.provide(report)
    except EngineError as error:
        raise ToolchainMissing(f"there is no Node.js: {error}") from None

    def build(folder: Path) -> None:
        env = node.environment()
        env["PATH"] = f"{found.executable.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
        command = [*found.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run(command, what="Installing the Node.js sample", env=env, cwd=folder)

    folder = _built("node", build, report)
    return {"Node.js": Program((str(found.executable), "score.js"), _plain(), folder)}


def of_java(report: Report) -> dict[str, Program]:
    """The Java sample, by the Maven and the JDK on PATH.

    Raises:
        ToolchainMissing: one of them is not there.
    """
    missing = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    if missing:
        raise ToolchainMissing(f"it is built by a JDK and Maven, and there is no {', no '.join(missing)}")

    def build(folder: Path) -> None:
        command = ["mvn", "--quiet", "--batch-mode", "package"]
        env = variables.made(os.environ)
        run(command, what="Building the Java sample", env=env, cwd=folder, on_line=report.progress)

    folder = _built("java", build, report)
    return {"Java": Program(("java", "-jar", "target/score.jar"), _plain(), folder)}


def of_csharp(report: Report) -> dict[str, Program]:
    """The C# sample, by the .NET SDK on PATH.

    Raises:
        ToolchainMissing: there is none.
    """
    if shutil.which("dotnet") is None:
        raise ToolchainMissing("it is built by the .NET SDK, and there is no dotnet on PATH")

    def build(folder: Path) -> None:
        command = ["dotnet", "build", "--nologo", "--configuration", "Release", "--output", "out"]
        env = variables.made(os.environ)
        run(command, what="Building the C# sample", env=env, cwd=folder, on_line=report.progress)

    folder = _built("csharp", build, report)
    return {"C#": Program(("dotnet", "out/Score.dll"), _plain(), folder)}


def _built(language: str, build: Callable[[Path], None], report: Report, more: str = "") -> Path:
    """The folder of a sample, copied with the protos to where it finds them, and built there."""
    files = _files(f"samples/{language}") + _files(PROTOS)
    content = hashlib.sha256(more.encode())
    for file in files:
        content.update(file.encode() + b"\0" + (CHECKOUT / file).read_bytes() + b"\0")
    system = f"{platform.system()}-{platform.machine()}"
    name = f"sample-{language}-{system}-{content.hexdigest()[:16]}".lower()

    def copied_and_built(out: Path) -> None:
        for file in files:
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / file, out / file)
        with report.stage(f"Building the sample in {language}"):
            build(out / "samples" / language)

    return cache.ensure(name, copied_and_built, report) / "samples" / language


def _files(folder: str) -> list[str]:
    """What git has, or would have, of a folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", folder],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return sorted(file for file in listed.stdout.split("\0") if file and (CHECKOUT / file).is_file())


def _generate(folder: Path, env: Mapping[str, str]) -> None:
    run(["./generate.sh"], what="Generating from the protos", env={**_plain(), **env}, cwd=folder)


def _plain() -> dict[str, str]:
    """The variables of this process, without what changes whom a caller trusts, or how it goes there."""
    given = variables.made(os.environ)
    dropped = ("FPGA_", "GRPC_", "SSL_CERT_")
    return {
        name: value
        for name, value in given.items()
        if not name.startswith(dropped) and not name.lower().endswith("_proxy")
    }
