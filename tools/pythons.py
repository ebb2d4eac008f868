"""`python -m tools.pythons [3.N ...]`: all tests but e2e, on each other Python that is supported and is here.

Each has a virtual environment of its own, which the next run finds made. A Python is looked for on PATH, and
among pyenv's versions, whose shims refuse what is not selected just now.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fpga.project import Project
from surroundings import settle

CHECKOUT: Final = Path(__file__).resolve().parent.parent
CLASSIFIER: Final = "Programming Language :: Python :: 3."
NEXT: Final = 3
"""How many versions beyond the newest supported one are looked for, to say that they are left out."""
ANSWER_TIMEOUT_S: Final = 60.0
TESTS: Final = ("tests/unit", "tests/integration")
# Debian has some of these modules in packages of their own, and a Python that was built may lack others.
_ASK: Final = """
import importlib.util, json, platform, sys
needed = ("bz2", "ctypes", "ensurepip", "lzma", "sqlite3", "ssl", "venv", "zlib")
missing = [name for name in needed if importlib.util.find_spec(name) is None]
print(json.dumps([platform.python_implementation(), sys.version_info[1], missing]))
"""


@dataclass(frozen=True)
class Python:
    """A Python to run the tests on; `version` is the second number of its version."""

    version: int
    path: Path


@dataclass(frozen=True)
class LeftOut:
    """A version that the tests are not run on, and the reason."""

    version: int
    reason: str


def supported(project: Path = CHECKOUT / "pyproject.toml") -> list[int]:
    """The versions that the project's classifiers name, in their order."""
    classifiers = tomllib.loads(project.read_text("utf-8"))["project"]["classifiers"]
    return sorted(int(one.removeprefix(CLASSIFIER)) for one in classifiers if one.startswith(CLASSIFIER))


def find(versions: Iterable[int], own: int, environ: Mapping[str, str]) -> list[Python | LeftOut]:
    """The Pythons of this machine, usable or left out.

    Args:
        versions: the supported ones.
        own: the version that `make test` uses.
    """
    known = list(versions)
    found: list[Python | LeftOut] = []
    for version in range(min(known), max(known) + NEXT + 1):
        reason = ""
        for path in _candidates(version, environ):
            if version == own:
                reason = "make test uses it"
            elif version not in known:
                reason = f"the locked packages are not published for it ({path})"
            else:
                reason = _refusal(path, version, environ)
            if not reason:
                found.append(Python(version, path))
                break
        else:
            if reason:
                found.append(LeftOut(version, reason))
    return found


def _candidates(version: int, environ: Mapping[str, str]) -> Iterator[Path]:
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME") or "/") / ".pyenv")
    if (pyenv / "versions").is_dir():
        # the newest patch first; names such as `3.13.0t` or an environment's are what they say they are
        folders += sorted((one / "bin" for one in (pyenv / "versions").iterdir()), key=_patch, reverse=True)
    for folder in folders:
        path = folder / f"python3.{version}"
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def _patch(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else -1 for part in folder.parent.name.split("."))


def _refusal(path: Path, version: int, environ: Mapping[str, str]) -> str:
    """The reason why a Python cannot be used; empty if it can."""
    try:
        asked = subprocess.run(
            [path, "-I", "-c", _ASK],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWER_TIMEOUT_S,
        )
        said = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        if asked.returncode != 0:
            return f"{path} does not run: {said[0]}"
        implementation, told, missing = json.loads(asked.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError, TypeError) as error:
        return f"{path} does not answer as Python does ({type(error).__name__})"
    if (implementation, told) != ("CPython", version):
        return f"{path} is {implementation} 3.{told}"
    return f"{path} lacks {', '.join(missing)}" if missing else ""


def run(python: Python, local: Path) -> bool:
    """Whether the environment could be made, and every test passed."""
    bootstrap = [str(python.path), "engine/bootstrap.py", "--local", str(local)]
    pytest = [str(local / "venv/bin/pytest"), "-n", "auto", "--dist", "loadfile", *TESTS]
    return all(
        subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 0 for command in (bootstrap, pytest)
    )


def main() -> int:
    """Returns the exit code: 1 if a test failed on one of them."""
    settle()
    parser = argparse.ArgumentParser(
        prog="python -m tools.pythons", description="Run all tests but e2e on each other Python that is here."
    )
    known = supported()
    parser.add_argument("version", nargs="*", help="these alone, such as 3.13")
    wanted = parser.parse_args().version
    for version in wanted:
        if version not in (f"3.{one}" for one in known):
            parser.error(f"{version} is not supported: there are {', '.join(f'3.{one}' for one in known)}.")
    base = Project.here().local / "pythons"
    results = []
    found = find(known, sys.version_info[1], os.environ)
    if wanted:
        found = [one for one in found if f"3.{one.version}" in wanted]
    pythons = [one for one in found if isinstance(one, Python)]
    for one in found:
        if isinstance(one, LeftOut):
            print(f"Python 3.{one.version} is left out: {one.reason}.", flush=True)
    for python in pythons:
        print(f"Python 3.{python.version}: {python.path}", flush=True)
        began = time.monotonic()
        passed = run(python, base / f"3.{python.version}")
        results.append(f"Python 3.{python.version}: {'passed' if passed else 'FAILED'}")
        print(f"{results[-1]} after {time.monotonic() - began:.0f} s", flush=True)
    print("\n".join(results) or "There is no other Python to run the tests on.", flush=True)
    return int(any("FAILED" in result for result in results))


if __name__ == "__main__":
    sys.exit(main())
