"""Whether a localcloud is alive: told to anybody, with its version; all else of its status needs a token."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.http.lanes import DATABASE, Lane, Route
from localcloud.status import Status
from localcloud.version import Version

PATH = "/health"


class Health:
    """The public route.

    Args:
        version: of the code that runs.
        status: gives all that is told to who has a token.
        authenticate: takes the `Authorization` header; raises `CloudError` 401.
    """

    def __init__(
        self, version: Version, status: Callable[[], Status], authenticate: Callable[[str | None], object]
    ) -> None:
        self._version = version
        self._status = status
        self._authenticate = authenticate

    def routes(self) -> list[Route]:
        """Routes that need no token."""
        return [Route(PATH, self._answer, lane=_lane)]

    def _answer(self, request: Request) -> Response:
        alive = {"alive": True, "version": self._version.number, "commit": self._version.commit}
        authorization = request.headers.get("authorization")
        if authorization is None:
            return JSONResponse(alive)
        self._authenticate(authorization)
        told = self._status().to_json()
        del told["running"]
        return JSONResponse(alive | told)


def _lane(request: Request) -> Lane | None:
    """Who shows no token waits for nobody, not even for the database."""
    return DATABASE if "authorization" in request.headers else None
