"""The lock that an update holds on its stack in the file backend, and whether its holder still lives.

A `pulumi` that was killed leaves its lock behind. The lock file names its maker: host, user, process.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Lock:
    """Who holds a stack: a process of this host, or of another (`host`)."""

    host: str
    pid: int

    @property
    def is_dead(self) -> bool:
        """Whether the holder is known to have ended; of another host's nothing is known."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def locks(state: Path, stack: str) -> list[Lock]:
    """The locks on a stack of the file backend in `state`; one that is just being written is left out."""
    found = []
    for file in (state / ".pulumi" / "locks").glob(f"organization/*/{stack}/*.json"):
        try:
            content = json.loads(file.read_text())
            found.append(Lock(str(content["hostname"]), int(content["pid"])))
        except (FileNotFoundError, ValueError, KeyError):
            continue
    return found
