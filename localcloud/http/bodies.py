"""The bodies of requests in memory: there is so much for all of them together, however many come at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request

from localcloud.errors import CloudError
from localcloud.http.lanes import RETRY_AFTER_S

SMALL_BYTES: Final = 256 * 1024
"""What a body may always have: sign-in is never refused for what others send."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""What all that are held may have beyond that: a dozen of the largest photos."""
_DRAIN_BYTES: Final = 64 * 1024 * 1024


class Bodies:
    """The bodies that are held. Used on the event loop alone.

    Args:
        most_bytes: what they may have together, beyond `SMALL_BYTES` of each.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._free = most_bytes

    @asynccontextmanager
    async def held(self, request: Request, limit: int) -> AsyncIterator[None]:
        """Reads a request's body into `request.state.body`; it counts until the block ends.

        Args:
            limit: the most bytes that it may have.

        Raises:
            CloudError: 413, it is longer; 503 ServerBusy, the others that are held leave no room for it. All
                of it was read then, for a client that still sends does not read the refusal.
        """
        chunks: list[bytes] = []
        size = counted = 0
        refusal: CloudError | None = None
        coming = request.stream()
        try:
            async for chunk in coming:
                size += len(chunk)
                more = max(size - SMALL_BYTES, 0) - counted
                if size > limit or more > self._free:
                    refusal = _too_large(limit) if size > limit else _no_room()
                    break
                chunks.append(chunk)
                counted += more
                self._free -= more
            if refusal is not None:
                chunks.clear()
                self._free += counted
                counted = 0
                await _read_off(coming, size)
                raise refusal
            # kept nowhere else: a handler that has taken it apart lets go of it there
            request.state.body = b"".join(chunks)
            chunks.clear()
            yield
        finally:
            self._free += counted


async def drain(request: Request) -> None:
    """Reads a request's body, and keeps nothing of it."""
    await _read_off(request.stream(), 0)


async def _read_off(coming: AsyncIterator[bytes], size: int) -> None:
    """Reads what is left of a body of which so much has come; of one that never ends, not all."""
    while size <= _DRAIN_BYTES:
        chunk = await anext(coming, None)
        if chunk is None:
            return
        size += len(chunk)


def _too_large(limit: int) -> CloudError:
    return CloudError(413, "RequestContentTooLarge", f"The request content is larger than {limit} bytes.")


def _no_room() -> CloudError:
    return CloudError(
        503,
        "ServerBusy",
        "The server holds too much that others send. Nothing was begun: try again later.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
