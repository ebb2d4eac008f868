"""A service manager's socket, as sd_notify(3) speaks to it: by a path, or by an abstract name."""

from __future__ import annotations

import secrets
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import PATIENCE_S


class NotifySocket:
    """What a process told, a dictionary a message, and the address to tell it at."""

    def __init__(self, address: str, heard: socket.socket) -> None:
        self.address = address
        self._heard = heard

    def next(self) -> dict[str, str]:
        """The next message; waits for it."""
        lines = self._heard.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def is_silent(self) -> bool:
        """Whether nothing was told that was not asked for yet."""
        return not select.select([self._heard], [], [], 0)[0]

    def until(self, name: str) -> dict[str, str]:
        """The next message that has this variable."""
        while name not in (message := self.next()):
            pass
        return message


@contextmanager
def listening(folder: Path | None) -> Iterator[NotifySocket]:
    """A socket in a folder, or, without one, an abstract one."""
    address = f"@{secrets.token_hex(8)}" if folder is None else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{address[1:]}" if folder is None else address)
        heard.settimeout(PATIENCE_S)
        yield NotifySocket(address, heard)
