"""Lanes of the HTTPS APIs: threads for handlers of one kind, so that who waits holds up that kind alone.

A handler that waits for another server, for the blob service or for calls under way has a lane in which no
sign-in and no read of the database ever stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import starlette.routing
from starlette.requests import Request
from starlette.responses import Response

from localcloud.errors import CloudError

RETRY_AFTER_S = 5


@dataclass(frozen=True)
class Lane:
    """The threads for one kind of request.

    Attributes:
        name: in words, as a refusal has it: "… requests of this kind (NAME) …".
        threads: how many are worked on at once.
        waiting: how many more may wait for one of these; who comes then is refused at once.
        patience_s: how long one of them waits before it is refused, in seconds.
    """

    name: str
    threads: int
    waiting: int
    patience_s: float = 20.0


DATABASE = Lane("database", threads=16, waiting=512)
"""Handlers that read and write the database, and wait for nothing else."""
SIGN_IN = Lane("sign-in", threads=4, waiting=512)
"""Sign-in by a secret: it waits for nothing, and nobody else is in its way."""
FEDERATION = Lane("federated sign-in", threads=32, waiting=64)
"""Sign-in by another issuer's token, whose keys may have to be fetched."""
PACKAGES = Lane("registering a model", threads=8, waiting=16)
"""Registering a model: its package is fetched from wherever it is."""
BLOBS = Lane("blob storage", threads=16, waiting=64, patience_s=2.0)
"""Storage accounts and containers: they wait for the blob service, and are answered within ten seconds."""
PHOTOS = Lane("scoring photos", threads=4, waiting=12)
"""Photos that people drop onto the page: they wait for a core, as calls do."""
REMOVALS = Lane("deleting groups and accounts", threads=4, waiting=64)
"""Deletions that wait for the calls that the services still answer."""


class Route(starlette.routing.Route):
    """A route whose handler `(Request) -> Response` runs in a lane.

    Args:
        lane: the lane, or a choice of it by the request; None: the handler waits for nothing at all, and
            runs on the event loop.
        limit: the most bytes of a request's body, which it tells without waiting; None: as the frame has it.
        refused: renders a refusal for who called; None: the frame does.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Response],
        *,
        lane: Lane | Callable[[Request], Lane | None] | None = DATABASE,
        limit: Callable[[Request], int] | None = None,
        refused: Callable[[Request, CloudError], Response] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(path, endpoint, **options)
        self._lane = lane
        self.limit = limit
        self.refused = refused

    def lane(self, request: Request) -> Lane | None:
        """The lane of a request."""
        return self._lane(request) if callable(self._lane) else self._lane


class Lanes:
    """The pools behind the lanes, each made when it is first needed. Used on the event loop alone."""

    def __init__(self) -> None:
        self._pools: dict[Lane, _Pool] = {}

    async def run(self, lane: Lane, work: Callable[[Request], Response], request: Request) -> Response:
        """Has a handler work in its lane.

        Raises:
            CloudError: 503 ServerBusy: there are too many before it; nothing was begun.
        """
        if lane not in self._pools:
            self._pools[lane] = _Pool(lane)
        return await self._pools[lane].run(work, request)

    def close(self) -> None:
        """Waits for the handlers that still run, then takes no more."""
        for pool in self._pools.values():
            pool.threads.shutdown()


class _Pool:
    """A pool of its own for each lane: its threads live as long as the server, and so do their SQLite
    connections.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.threads = ThreadPoolExecutor(lane.threads, thread_name_prefix=f"https {lane.name}")
        self._free = asyncio.Semaphore(lane.threads)
        self._waiting = 0

    async def run(self, work: Callable[[Request], Response], request: Request) -> Response:
        await self._take_turn()
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, work, request)
        finally:
            self._free.release()

    async def _take_turn(self) -> None:
        if self._free.locked() and self._waiting >= self._lane.waiting:
            raise self._busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._lane.patience_s):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._waiting -= 1

    def _busy(self) -> CloudError:
        return CloudError(
            503,
            "ServerBusy",
            f"The server works on {self._lane.threads} requests of this kind ({self._lane.name}) already, "
            "and can take no more now. Nothing was begun: try again later.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
