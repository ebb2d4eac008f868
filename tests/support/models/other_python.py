"""A Python that has other packages beside all that is installed here; from the user's cache."""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from engine import cache
from engine.bootstrap import pip_environment
from engine.report import Report
from infra.settings.reader import PROJECT_ROOT

TIMEOUT_S = 900.0


class CannotBeHad(Exception):
    """No such packages for this Python and machine, or none can be fetched; the text says why."""


def python(
    folder: Path, name: str, requirements: list[str], report: Report, *options: str, wins: bool = False
) -> str:
    """The executable of a virtual environment.

    Args:
        folder: where it is made.
        name: the packages' own in the cache, where they are installed once.
        requirements: what pip installs there.
        options: more for pip.
        wins: whether of what both have the other packages are imported, and not what is installed here.

    Raises:
        CannotBeHad: the packages are not there.
    """
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-{platform.machine()}"

    def install(building: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        try:
            done = subprocess.run(
                [*command, "--target", str(building), *options, *requirements],
                env=pip_environment(Path(sys.executable)),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise CannotBeHad(f"{', '.join(requirements)} took more than {TIMEOUT_S:g} s") from None
        if done.returncode != 0:
            raise CannotBeHad(f"no {', '.join(requirements)} for {tag}: {done.stderr.strip()[-300:]}")

    found = [str(cache.ensure(f"{name}-{tag}", install, report)), sysconfig.get_path("purelib")]
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    packages = folder.joinpath(*Path(sysconfig.get_path("purelib")).parts[-3:])
    # what stands first is imported
    lines = [*(found if wins else reversed(found)), str(PROJECT_ROOT)]
    (packages / "installed.pth").write_text("".join(f"{path}\n" for path in lines))
    return str(folder / "bin" / "python")
