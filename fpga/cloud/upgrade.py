"""The localcloud of an earlier version that still runs: told from a newer one, and restarted in place."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from localcloud.version import Version

if TYPE_CHECKING:
    from engine.report import Report
    from localcloud.settings import Settings
    from localcloud.status import Status

_CODE: Final = Path(__file__).resolve().parent.parent.parent


class Standing(Enum):
    """The version of the localcloud that runs, beside that of this code."""

    SAME = "the same"
    OLDER = "older"
    NEWER = "newer"
    OTHER = "another"


def standing(running: Version, own: Version, is_ancestor: Callable[[str, str], bool]) -> Standing:
    """Compares by number, then by commit; one that tells no version is of before there were any.

    Args:
        is_ancestor: whether the first commit is in the history of the second, as far as that is known.
    """
    if running.number is None:
        return Standing.OLDER
    if running.number != own.number and own.number is not None:
        older = _parts(running.number) < _parts(own.number)
        return Standing.OLDER if older else Standing.NEWER
    if own.commit is None or running.commit == own.commit:
        return Standing.SAME
    if running.commit is None or is_ancestor(running.commit, own.commit):
        return Standing.OLDER
    return Standing.NEWER if is_ancestor(own.commit, running.commit) else Standing.OTHER


def of(status: Status) -> Standing:
    """The standing of the localcloud that has this status."""
    from localcloud import version

    return standing(status.version, version.here(), _is_ancestor)


def told(status: Status) -> str:
    """The version of a localcloud that runs beside that of this code, as a person reads them."""
    from localcloud import version

    return f"localcloud runs as {status.version}, and this checkout is {version.here()}"


def left(wanted: Settings, status: Status) -> list[str]:
    """What the localcloud that runs does not have of the settings that were wanted, a sentence each."""
    from localcloud import control
    from localcloud.configuration import table
    from localcloud.settings import PID, Settings

    running = control.settings_of(wanted.data)
    if running is None or not status.running:
        return []
    told = []
    other = [
        wanted.named(one.field)
        for one in table.of(Settings).values()
        if not one.is_filled and getattr(wanted, one.field) != getattr(running, one.field)
    ]
    again = "`fpga cloud down`, then this again, has it take them."
    if other:
        told.append(
            f"It runs with other settings already ({', '.join(other)}), and is left as it is: {again}"
        )
    elif wanted.config is not None and _is_newer(wanted.config.path, wanted.data / PID):
        told.append(f"{wanted.config.path} was changed since it started, and it is left as it is: {again}")
    return told


def _is_newer(file: Path, other: Path) -> bool:
    try:
        return file.stat().st_mtime > other.stat().st_mtime
    except OSError:
        return False


def make_way(wanted: Settings, report: Report) -> Settings:
    """Stops the localcloud of the data folder unless it is of this version, or of a newer one.

    Returns:
        What to start with: with the options that somebody gave to the one that was stopped.

    Raises:
        localcloud.errors.StartError: one runs and does not answer, or does not end.
    """
    from localcloud import control

    status = control.status(wanted.data)
    if not status.running:
        return wanted
    found = of(status)
    if found is Standing.NEWER:
        report.note(
            f"{told(status)}: the newer one is left as it is. `fpga down`, then this again, goes back."
        )
    if found in (Standing.SAME, Standing.NEWER):
        return wanted
    kept = kept_options(wanted, control.settings_of(wanted.data))
    report.note(f"{told(status)}: it is restarted in place, with its data, ports and options.")
    control.stop(wanted.data)
    return kept


def kept_options(wanted: Settings, running: Settings | None) -> Settings:
    """The settings to start with in the place of one that runs: what somebody gave to that one stays.

    Args:
        wanted: what this version would start with.
        running: what that one was started with; None: that is not to be seen.
    """
    if running is None:
        return wanted
    found: dict[str, Any] = {"data": wanted.data, "node": wanted.node, "azurite": wanted.azurite}
    if _follow(running.featurizers, wanted):
        found["featurizers"] = wanted.featurizers
    of_file = running.config.lines if running.config else {}
    kept = replace(running, **{field: value for field, value in found.items() if field not in of_file})
    return kept if running.has_blob_storage else replace(kept, node=None, azurite=None)


def _follow(featurizers: Path, wanted: Settings) -> bool:
    """Whether these are the default of their time: gone, or an earlier build's in the same cache."""
    same_cache = featurizers.parent.parent == wanted.featurizers.parent.parent
    return not featurizers.is_dir() or (same_cache and featurizers.parent.name.startswith("model"))


def _parts(number: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", number)]


def _is_ancestor(first: str, second: str) -> bool:
    """Whether the first commit is in the history of the second, by git where it is and knows both."""
    command = ["git", "merge-base", "--is-ancestor", first, second]
    try:
        done = subprocess.run(command, cwd=_CODE, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0
