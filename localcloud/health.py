"""Whether a localcloud is alive: told to anybody, with its version; all else to who may read all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.http.lanes import DATABASE, Lane, Route
from localcloud.status import Status
from localcloud.version import Version

if TYPE_CHECKING:
    from localcloud.access.guard import Guard

PATH = "/health"


class Health:
    """The public route.

    Args:
        version: of the code that runs.
        status: gives all that is told to who has a token.
        guard: knows who has a token, and may know all.
    """

    def __init__(self, version: Version, status: Callable[[], Status], guard: Guard) -> None:
        self._version = version
        self._status = status
        self._guard = guard

    def routes(self) -> list[Route]:
        """Routes that need no token."""
        return [Route(PATH, self._answer, lane=_lane)]

    def _answer(self, request: Request) -> Response:
        alive = {"alive": True, "version": self._version.number}
        authorization = request.headers.get("authorization")
        if authorization is None:
            return JSONResponse(alive)
        if not self._guard.is_told_all(self._guard.authenticate(authorization)):
            return JSONResponse(alive)
        told = self._status().to_json()
        del told["running"]
        return JSONResponse(alive | told)


def _lane(request: Request) -> Lane | None:
    """Who shows no token waits for nobody, not even for the database."""
    return DATABASE if "authorization" in request.headers else None
