"""The localclouds that run on this machine, found by the processes of this user, whatever started them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from localcloud.status import Status

_PROC: Final = Path("/proc")
_MODULE: Final = b"localcloud"


@dataclass(frozen=True)
class Running:
    """A localcloud that runs.

    Attributes:
        data: its data folder.
        pid: the number of its process.
        status: what it tells; None: it does not answer.
        trouble: why it does not; empty: it does.
    """

    data: Path
    pid: int
    status: Status | None
    trouble: str = ""


def clouds(tell: Callable[[str], object] = lambda _: None) -> list[Running]:
    """The localclouds of this user that run, by their data folders.

    Args:
        tell: told whose answer is waited for.
    """
    found = {data: pid for pid in _processes() if (data := _data_of(pid)) is not None}
    return [_running(data, pid, tell) for data, pid in sorted(found.items())]


def columns(one: Running) -> tuple[str, str, str, str]:
    """What a person is told of one: data folder, process, version, address."""
    if one.status is None:
        return str(one.data), str(one.pid), "does not answer", one.trouble
    return str(one.data), str(one.pid), str(one.status.version), one.status.https or "none"


def line(one: Running) -> str:
    """The same on one line."""
    data, pid, version, address = columns(one)
    return f"{data}: process {pid}, {version}, {address}"


def told(one: Running) -> dict[str, str | int | None]:
    """The same as JSON has it."""
    status = one.status
    return {
        "data": str(one.data),
        "pid": one.pid,
        "version": None if status is None else status.version.number,
        "commit": None if status is None else status.version.commit,
        "https": None if status is None else status.https,
        "trouble": one.trouble or None,
    }


def clear_stale(data: Path) -> bool:
    """Removes the pid file that a localcloud has left which was killed: whether there was one.

    Raises:
        OSError: its lock may not be read, or the file cannot be removed.
    """
    from localcloud.datafolder import lock
    from localcloud.settings import PID

    if not (data / PID).exists() or lock.is_held(data):
        return False
    (data / PID).unlink(missing_ok=True)
    return True


def logs_to_journal(data: Path) -> bool:
    """Whether the localcloud of a data folder runs, and writes its log to the journal of systemd."""
    for pid in _processes():
        if _data_of(pid) == data:
            try:
                # systemd connects standard error by a socket (systemd.exec(5)); a file is a path
                return str((_PROC / str(pid) / "fd" / "2").readlink()).startswith("socket:")
            except OSError:
                return False
    return False


def _running(data: Path, pid: int, tell: Callable[[str], object]) -> Running:
    from localcloud import control
    from localcloud.errors import LocalcloudError

    tell(f"the one of {data} is asked")
    try:
        return Running(data, pid, control.status(data))
    except (LocalcloudError, OSError) as error:
        return Running(data, pid, None, str(error))


def _data_of(pid: int) -> Path | None:
    """The data folder that a process serves; None: it serves none, or has ended."""
    from localcloud import command_line
    from localcloud.datafolder import lock
    from localcloud.errors import LocalcloudError
    from localcloud.settings import PID

    line = command_line.of_process(pid)
    if line is None:
        return None
    try:
        data = line.settings().data.absolute()
    except LocalcloudError:  # its file of settings cannot be read any more
        named = line.options.get("data")
        if not named:
            return None
        data = line.folder / named[-1]
    try:
        # of a process and its children, the one that the folder names
        return data if lock.is_held(data) and int((data / PID).read_text()) == pid else None
    except (OSError, ValueError):
        return None


def _processes() -> Iterator[int]:
    """The processes of this user whose command line names localcloud."""
    if not (_PROC / "self").exists():
        yield from _of_ps()
        return
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            is_own = folder.stat().st_uid == os.geteuid()
            if is_own and _MODULE in (folder / "cmdline").read_bytes():
                yield int(folder.name)
        except OSError:  # it has ended
            continue


def _of_ps() -> Iterator[int]:
    """As above, where the system has no /proc."""
    command = ["ps", "-ww", "-U", str(os.geteuid()), "-o", "pid=,args="]
    for line in subprocess.run(command, capture_output=True, check=True).stdout.splitlines():
        number, _, arguments = line.strip().partition(b" ")
        if _MODULE in arguments:
            yield int(number)
