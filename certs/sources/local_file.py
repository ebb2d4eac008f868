"""Files of this machine: their octets, or a finding that says why they cannot be had."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

from certs.findings import Finding, Origin, error, warning
from certs.pem import MAXIMUM_SIZE

PIPE_TIMEOUT_S = 30.0
"""How long whoever writes into a pipe may take, from its opening to its end, in seconds."""


def read_file(path: Path, origin: Origin, findings: list[Finding]) -> bytes | None:
    """The octets of the file, or None and a finding. One octet too many is read, so that its size is judged
    later.

    A pipe (a FIFO, a shell's `<(command)`, `/dev/stdin`) is read to its end, within a time limit. What
    it gave it does not give again: nothing is read twice.
    """
    try:
        # Without a writer the opening of a FIFO would block for ever; reading is waited for below.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            return _read(descriptor, time.monotonic() + PIPE_TIMEOUT_S)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        remedy = (
            f"Correct the path; it is taken from {Path.cwd()}."
            if not path.is_absolute()
            else "Correct the path."
        )
        findings.append(error("file-missing", origin.label, "does not exist.", remedy))
    except IsADirectoryError:
        findings.append(error("file-is-directory", origin.label, "is a directory.", "Name the file in it."))
    except PermissionError:
        message = "may not be read by this user."
        findings.append(
            error("file-not-permitted", origin.label, message, f"Look at its mode: ls -l {origin.source}")
        )
    except _NoEndError as why:
        message = f"is a pipe, and {why} within {PIPE_TIMEOUT_S:g} s."
        remedy = "Let what writes into it run, and end; or write to a file, and name that."
        findings.append(error("pipe-without-end", origin.label, message, remedy))
    except (OSError, ValueError) as why:
        reason = why.strerror if isinstance(why, OSError) and why.strerror else "its path is not valid"
        findings.append(
            error("file-unreadable", origin.label, f"cannot be read: {reason}.", "Correct the path.")
        )
    return None


class _NoEndError(Exception):
    """The other end of a pipe was not closed in time."""


def _read(descriptor: int, deadline: float) -> bytes:
    """All that there is, up to one octet more than a file may have."""
    gathered = bytearray()
    while len(gathered) <= MAXIMUM_SIZE:
        if not _can_be_read(descriptor, deadline - time.monotonic()):
            raise _NoEndError("did not come to its end" if gathered else "nothing was written into it")
        try:
            piece = os.read(descriptor, MAXIMUM_SIZE + 1 - len(gathered))
        except BlockingIOError:  # another reader was faster
            continue
        if not piece:
            break
        gathered += piece
    return bytes(gathered)


def _can_be_read(descriptor: int, timeout_s: float) -> bool:
    """Waits until there is something, or the end: a pipe has none before somebody has opened it to write."""
    if not hasattr(select, "poll"):
        return True  # Windows: files alone, and those never wait
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout_s) * 1000))


def check_mode(path: Path, origin: Origin) -> list[Finding]:
    """A warning where others than its owner may read or write the file `path`, which holds a secret."""
    if os.name != "posix":
        return []  # modes say nothing there
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return []
    message = f"may be read or written by others than its owner (mode {mode:04o})."
    return [warning("key-file-open", origin.label, message, f"Close it: chmod 600 {origin.source}")]
