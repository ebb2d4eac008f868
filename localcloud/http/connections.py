"""A listening socket that takes a bounded number of connections, as a whole and of each peer.

Where there are as many as may be, the one that has been silent longest makes room: whoever opens thousands
and says nothing locks nobody out but himself.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from dataclasses import dataclass, field
from typing import Any

WORK_LIMIT_S = 300.0
"""Longer than any handler works: a caller who has not read the answer by then makes room, too."""
_LOG_INTERVAL_S = 1.0
_ROUNDS = 1000

log = logging.getLogger(__name__)


@dataclass
class _Connection:
    socket: socket.socket
    is_open: bool = False  # whether its protocol has begun, behind TLS
    is_at_work: bool = False
    since: float = field(default_factory=time.monotonic)

    @property
    def may_go(self) -> bool:
        return not self.is_at_work or time.monotonic() - self.since > WORK_LIMIT_S


class BoundedListener(socket.socket):
    """A listening socket for an asyncio server, on whose event loop alone it is used.

    Args:
        bound: the socket that listens; this one takes its place.
        most: how many connections there may be.
        most_of_peer: how many of these one IP address may have.
        silence_s: how long, in seconds, a connection may take until `opened` is called for it, before it is
            cut; None: for ever.
    """

    def __init__(self, bound: socket.socket, most: int, most_of_peer: int, silence_s: float | None) -> None:
        super().__init__(bound.family, bound.type, bound.proto, bound.detach())
        self._most, self._most_of_peer, self._silence_s = most, most_of_peer, silence_s
        self._connections: dict[Any, _Connection] = {}  # by the peer's IP address and port
        self._pauses = self._refuses = False
        self._cut, self._told_at = 0, 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        """As `socket.accept`; a connection for which there is no room is closed, and the next one taken.

        Who had to make room still has its descriptor until the event loop comes round: until then nobody is
        taken, however many wait.
        """
        while not (self._pauses or self._refuses):
            try:
                connection, peer = super().accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._make_room(self._connections)
                raise
            if self._has_room(peer[0]):
                self._connections[peer] = _Connection(connection)
                if self._silence_s is not None:
                    asyncio.get_running_loop().call_later(self._silence_s, self._cut_unless_open, peer)
                return connection, peer
            connection.close()
            self._tell()
        raise BlockingIOError

    def opened(self, peer: Any) -> None:
        """Says that a connection got through TLS: its own protocol looks after its silences from now on."""
        if peer in self._connections:
            self._connections[peer].is_open = True

    def is_opening(self, patience_s: float) -> bool:
        """Whether a connection that was taken is on its way through TLS, and not for longer than so many
        seconds.
        """
        since = time.monotonic() - patience_s
        return any(
            not one.is_open and one.socket.fileno() != -1 and one.since > since
            for one in self._connections.values()
        )

    def at_work(self, peer: Any, *, is_at_work: bool) -> None:
        """Says that a connection's request is at work, or that it is silent from now on."""
        found = self._connections.get(peer)
        if found is not None and found.is_at_work != is_at_work:
            found.is_at_work, found.since = is_at_work, time.monotonic()

    async def refuse(self) -> None:
        """Takes nobody from now on; those it has taken have their transports when it comes back.

        A server that is closed in between loses their descriptors.
        """
        self._refuses = True
        for _ in range(2):
            await asyncio.sleep(0)

    async def cut(self) -> None:
        """Ends every connection that is left, and comes back when each has let go of its descriptor."""
        left = [one.socket for one in self._connections.values()]
        for peer in list(self._connections):
            self._hang_up(peer)
        for _ in range(_ROUNDS):  # of the event loop, in which they read the end
            if all(one.fileno() == -1 for one in left):
                return
            await asyncio.sleep(0)

    def _has_room(self, address: str) -> bool:
        self._connections = {
            peer: one for peer, one in self._connections.items() if one.socket.fileno() != -1
        }
        own = {peer: one for peer, one in self._connections.items() if peer[0] == address}
        if len(own) >= self._most_of_peer:
            return self._make_room(own)
        return len(self._connections) < self._most or self._make_room(self._connections)

    def _make_room(self, among: dict[Any, _Connection]) -> bool:
        """Cuts the connection that has been silent longest; False: none of them is."""
        silent = [peer for peer, one in among.items() if one.may_go]
        if not silent:
            return False
        oldest = min(silent, key=lambda peer: (among[peer].is_at_work, among[peer].since))
        self._hang_up(oldest)
        self._tell()
        self._pauses = True
        asyncio.get_running_loop().call_soon(self._go_on)
        return True

    def _go_on(self) -> None:
        self._pauses = False

    def _cut_unless_open(self, peer: Any) -> None:
        found = self._connections.get(peer)
        if found is not None and not found.is_open and self._silence_s is not None:
            if time.monotonic() - found.since < self._silence_s / 2:
                return  # another one of the same port
            self._hang_up(peer)

    def _hang_up(self, peer: Any) -> None:
        # Its transport reads the end, and closes it.
        with contextlib.suppress(OSError):
            self._connections.pop(peer).socket.shutdown(socket.SHUT_RDWR)

    def _tell(self) -> None:
        """Logs that connections are cut or refused, at most once a second."""
        self._cut += 1
        now = time.monotonic()
        if now - self._told_at >= _LOG_INTERVAL_S:
            log.warning("%d connections had to make room: there may be %d at once", self._cut, self._most)
            self._cut, self._told_at = 0, now
