"""Files of this machine: their octets, or a finding that says why they cannot be had."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from certs.findings import Finding, Origin, error, warning
from certs.pem import MAXIMUM_SIZE


def read_file(path: Path, origin: Origin, findings: list[Finding]) -> bytes | None:
    """The octets of the file, or None and a finding. One octet too many is read, so that its size is judged
    later.
    """
    try:
        # A named pipe without a writer would block here for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
            return file.read(MAXIMUM_SIZE + 1)
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
    except (OSError, ValueError) as why:
        reason = why.strerror if isinstance(why, OSError) and why.strerror else "its path is not valid"
        findings.append(
            error("file-unreadable", origin.label, f"cannot be read: {reason}.", "Correct the path.")
        )
    return None


def check_mode(path: Path, origin: Origin) -> list[Finding]:
    """A warning where others than its owner may read or write the file ``path``, which holds a secret."""
    if os.name != "posix":
        return []  # modes say nothing there
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return []
    message = f"may be read or written by others than its owner (mode {mode:04o})."
    return [warning("key-file-open", origin.label, message, f"Close it: chmod 600 {origin.source}")]
