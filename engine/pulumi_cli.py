"""A Pulumi CLI, by the first of three ways that works: the person's own, the official release, a build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from engine import cache, go, release
from engine.errors import EngineError
from engine.report import Report
from surroundings.variables import made, without_pulumi

HOST = "pulumi-language-python"
VERSION_TIMEOUT_S = 30.0


class Way(StrEnum):
    """The origin of a CLI."""

    OWN = "own"
    RELEASE = "release"
    BUILD = "build"


@dataclass(frozen=True)
class PulumiCli:
    """A CLI and what must stand beside it.

    Attributes:
        way: where it came from. A build has no language host; the two others bring the official one.
        folder: the folder with `pulumi` and the executables of the Python runtime.
        version: without the leading `v`.
    """

    way: Way
    folder: Path
    version: str


def pinned() -> str:
    """The version of the `pulumi` package that the program runs on; the CLI is of the same release."""
    return version("pulumi")


def locate(local: Path, report: Report) -> PulumiCli:
    """Finds, fetches or builds a CLI.

    Raises:
        EngineError: none of the three ways works; the message says what stopped each.
    """
    wanted = pinned()
    if own := own_cli(local, wanted, report):
        report.note(f"Pulumi {own.version}: your own, {own.folder / 'pulumi'}.")
        return own
    # What an earlier run has fetched or built is taken before any host is asked. An address of releases
    # that was given on purpose is asked before a build is taken.
    if folder := cache.find(release.entry(wanted)):
        return PulumiCli(Way.RELEASE, folder, wanted)
    if release.BASE_VARIABLE not in os.environ and (folder := cache.find(go.cli_entry(wanted))):
        return PulumiCli(Way.BUILD, folder, wanted)
    try:
        folder = cache.ensure(release.entry(wanted), lambda out: release.fetch(wanted, out, report), report)
        report.note(f"Pulumi {wanted}: the official release, checksum verified.")
        return PulumiCli(Way.RELEASE, folder, wanted)
    except release.Unreachable as error:
        report.note(f"No official release of Pulumi {wanted}: {error}")
    built = cache.find(go.cli_entry(wanted))
    if built is None:
        report.note(
            "Building the CLI from its Go modules instead: once for this user, three to five minutes."
        )
        built = cache.ensure(go.cli_entry(wanted), lambda out: go.build_cli(wanted, out, report), report)
    report.note(f"Pulumi {wanted}: built from its Go modules.")
    return PulumiCli(Way.BUILD, built, wanted)


def own_cli(local: Path, wanted: str, report: Report) -> PulumiCli | None:
    """The CLI on PATH, if it is at least version `wanted` and has the Python language host beside it.

    What this project itself put on PATH (`local`'s links, the cache) is not a person's own and is passed
    over.
    """
    ours = [local.resolve() / "bin", cache.root().resolve()]
    for part in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which("pulumi", path=part or os.curdir)
        if found is None:
            continue
        real = Path(found).resolve()
        if Path(found).parent.resolve() == ours[0] or ours[1] in real.parents:
            continue
        # A package manager's link leads to where the language hosts are.
        folder = next(
            (at for at in (Path(found).absolute().parent, real.parent) if (at / HOST).exists()), None
        )
        try:
            has = cli_version(Path(found))
        except EngineError as error:
            report.note(f"{error} It is passed over.")
            continue
        if folder is None:
            report.note(f"{found} has no {HOST} beside it: it is passed over.")
        elif parsed(has) < parsed(wanted):
            report.note(f"{found} is version {has}, older than {wanted}: it is passed over.")
        else:
            return PulumiCli(Way.OWN, folder, has)
    return None


def cli_version(executable: Path) -> str:
    """The CLI's version, without the `v`. Raises EngineError where it does not tell."""
    try:
        done = subprocess.run(
            [executable, "version"],
            env=without_pulumi(made(os.environ)) | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            check=True,
            timeout=VERSION_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{executable} does not tell its version ({type(error).__name__}).") from error
    said = done.stdout.strip()
    if not re.match(r"v?\d+\.\d+\.\d+", said):
        raise EngineError(f"{executable} does not tell its version: {said[:80]!r}.")
    return said.removeprefix("v")


def parsed(text: str) -> tuple[int, ...]:
    """The numbers of a semantic version, without what follows them: `3.250.0-dev.1` gives (3, 250, 0)."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    if match is None:
        raise EngineError(f"{text!r} is not a version.")
    return tuple(int(number) for number in match.groups())
