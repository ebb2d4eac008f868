"""The route of the description: `/openapi.json`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.http.lanes import Route
from localcloud.openapi.document import PATH, document
from localcloud.version import Version


class OpenApi:
    """The route that tells what all others take and answer, to whoever has a token.

    Args:
        version: of the code that runs.
        has_blobs: whether it runs with blob storage.
    """

    def __init__(self, version: Version, *, has_blobs: bool) -> None:
        self._version = version
        self._has_blobs = has_blobs

    def routes(self) -> list[Route]:
        return [Route(PATH, self._describe, lane=None)]

    def _describe(self, request: Request) -> Response:
        told = document(request.state.base_url, self._version.number, has_blobs=self._has_blobs)
        return JSONResponse(told)
