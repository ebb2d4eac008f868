"""The lock files renewed: `python -m tools.pins.lock [--upgrade NAME|all]`.

`requirements.lock` has the versions of all that pyproject.toml names, and of what that needs, with the hashes
of every file that is published for them. `engine/tools/NAME.lock` has one package each, in the versions that
the dependency group of that name wants, where there is one; that of an extra has what the extra needs beyond
`requirements.lock`. What is locked stays, unless pyproject.toml says otherwise, or an upgrade is asked for.

uv makes them. It is told where packages come from as pip is, and reads no settings of its own.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine import bootstrap, trust, wheels
from engine.activation import python
from engine.errors import EngineError
from engine.process import run
from engine.report import ConsoleReport, Report
from surroundings import settle
from tools.pins.staged import staged
from tools.pythons import supported

CHECKOUT: Final = Path(__file__).parents[2]
PROJECT: Final = "pyproject.toml"
LOCK: Final = "requirements.lock"
TOOLS: Final = "engine/tools"
ALL: Final = "all"
_FORM: Final = ("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url")
# pip's settings that say where packages come from and by which way, as uv calls them.
_SETTINGS: Final = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_PROXY": "ALL_PROXY",
}


def renew(folder: Path, report: Report, upgrade: str = "") -> None:
    """Renews `requirements.lock` and the locks of tools in a folder that has them and `pyproject.toml`.

    Args:
        upgrade: a package that is brought to its newest version, or `all`; empty: none.

    Raises:
        EngineError: uv cannot be had, what is asked for cannot be had together, or what is to be upgraded is
            not locked.
    """
    if upgrade not in ("", ALL) and not _is_locked(folder, upgrade):
        raise EngineError(f"{upgrade} is in no lock file: name a package as it stands there, or {ALL}.")
    uv = wheels.ensure("uv", report) / "bin" / "uv"
    oldest = f"3.{supported(folder / PROJECT)[0]}"
    command: list[str | Path] = [
        uv,
        "pip",
        "compile",
        "--no-config",
        "--quiet",
        "--refresh",
        "--universal",
        *_FORM,
    ]
    command += ["--python", python(), "--python-version", oldest]
    if upgrade:
        command += ["--upgrade"] if upgrade == ALL else ["--upgrade-package", upgrade]
    with report.stage("Locking the packages"):
        _compile([*command, PROJECT, "--group", f"{PROJECT}:dev", "-o", LOCK], folder, LOCK)
        project = tomllib.loads((folder / PROJECT).read_text("utf-8"))
        extras, groups = (
            project["project"].get("optional-dependencies", {}),
            project.get("dependency-groups", {}),
        )
        beyond = ["-c", LOCK, *(f"--no-emit-package={name}" for name in _locked(folder / LOCK))]
        for lock in sorted((folder / TOOLS).glob("*.lock")):
            names = folder / f"{lock.stem}.in"
            wanted = extras.get(lock.stem) or groups.get(lock.stem, [lock.stem])
            names.write_text("\n".join([*wanted, ""]))
            needs = beyond if lock.stem in extras else ["--no-deps"]
            _compile([*command, *needs, names, "-o", lock], folder, f"{TOOLS}/{lock.name}")


def files(checkout: Path = CHECKOUT) -> list[str]:
    """The lock files, and what they are made from, by their paths from the checkout's root."""
    tools = sorted(lock.name for lock in (checkout / TOOLS).glob("*.lock"))
    return [PROJECT, LOCK, *(f"{TOOLS}/{name}" for name in tools)]


def _is_locked(folder: Path, package: str) -> bool:
    return any(f"\n{package}==" in f"\n{(folder / name).read_text()}" for name in files(folder)[1:])


def _locked(lock: Path) -> list[str]:
    """The names of the packages in a lock file."""
    return re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.MULTILINE)


def _compile(command: list[str | Path], folder: Path, what: str) -> None:
    run(
        command,
        what=f"Renewing {what}",
        env=environment(bootstrap.pip_environment(python())),
        cwd=folder,
        explain=trust.uv,
    )


def environment(pip: Mapping[str, str]) -> dict[str, str]:
    """The variables to run uv with, from those that pip is run with.

    Args:
        pip: what `bootstrap.pip_environment` gives.
    """
    variables = {name: value for name, value in pip.items() if not name.startswith(("PIP_", "UV_"))}
    return variables | {_SETTINGS[name]: value for name, value in pip.items() if name in _SETTINGS}


def main() -> int:
    """Returns the exit code: 1 where nothing was renewed."""
    settle()
    parser = argparse.ArgumentParser(prog="python -m tools.pins.lock", description="Renew the lock files.")
    parser.add_argument("--upgrade", metavar="NAME", default="", help="a package to upgrade, or `all`")
    upgrade = parser.parse_args().upgrade
    try:
        with staged(CHECKOUT, files()) as folder:
            renew(folder, ConsoleReport(), upgrade)
    except (EngineError, bootstrap.BootstrapError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
