"""The frame around every HTTPS API: one place where requests come in, are let in, and errors become words.

Handlers are plain functions `(Request) -> Response` that run in a thread of their route's lane and raise
`CloudError`. The frame drops empty path segments, matches paths whatever their case, checks the token of
every route that is not public, reads the body (`body_of`, `json_body`), and puts the correlation headers on
every answer.
"""

from __future__ import annotations

import errno
import json
import logging
import math
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from localcloud.errors import CloudError
from localcloud.http.bodies import SMALL_BYTES, Bodies, drain
from localcloud.http.lanes import Lanes, Route

MAX_BODY_BYTES = 4 * 1024 * 1024  # as Azure Resource Manager has it
MAX_PUBLIC_BODY_BYTES = SMALL_BYTES
"""What anyone may have the server keep: a form of sign-in is a few KiB."""
MAX_DEPTH = 64
_CORRELATION_ID = re.compile(r"[0-9A-Za-z-]{1,64}\Z")

log = logging.getLogger("localcloud.http.frame")


class Frame:
    """The ASGI application.

    Args:
        base_urls: the server's own addresses, `https://host:port`, the preferred one first. Handlers find
            the one that the caller used in `request.state.base_url`: links in answers are made with it.
        public: routes that anyone may call.
        routes: routes that need a token; earlier ones win.
        authenticate: takes the `Authorization` header or None, and gives who asks; raises `CloudError` 401.
        authorize: lets whoever asks, in `request.state.principal`, pass to a route; raises `CloudError` 403.
        record: told of each request, and with which status it was answered.
        missing: the refusal of a path that no route has.
        pages: routes for people's browsers, which let in by themselves.
    """

    def __init__(
        self,
        *,
        base_urls: tuple[str, ...],
        public: Sequence[Route],
        routes: Sequence[Route],
        authenticate: Callable[[str | None], object],
        authorize: Callable[[Request, Route], None],
        record: Callable[[Request, int], None],
        missing: Callable[[Request], CloudError],
        pages: Sequence[Route] = (),
    ) -> None:
        self._base_urls = base_urls
        self._public = [_any_case(route) for route in public]
        self._pages = [_any_case(route) for route in pages]
        self._routes = [_any_case(route) for route in routes]
        self._authenticate = authenticate
        self._authorize = authorize
        self._record = record
        self._missing = missing
        self._lanes = Lanes()
        self._bodies = Bodies()

    def close(self) -> None:
        """Waits for the handlers that still run, then takes no more."""
        self._lanes.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request_id = str(uuid.uuid4())
        scope["path"] = normal_path(scope["path"])
        request = Request(scope, receive)
        request.state.base_url = own_address(request.headers.get("host", ""), self._base_urls)
        request.state.request_id = request_id
        correlation_id = request.headers.get("x-ms-correlation-request-id", "")
        if not _CORRELATION_ID.match(correlation_id):
            correlation_id = request_id
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            log.info("%s broken off by the client %s", request.method, request_id)
            return
        self._record(request, response.status_code)
        response.headers["x-ms-request-id"] = request_id
        response.headers["x-ms-correlation-request-id"] = correlation_id
        given_id = client_request_id(request)
        if given_id is not None:
            response.headers.setdefault("x-ms-client-request-id", given_id)
        # The path as it was sent (no line breaks in it), and never the query: it may hold a signature.
        path = scope.get("raw_path", b"").split(b"?")[0].decode("ascii", "replace")
        elapsed_ms = (time.perf_counter() - started) * 1000
        log.info("%s %s %d %.0fms %s", request.method, path, response.status_code, elapsed_ms, request_id)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            route = self._admit(request)
        except CloudError as refusal:
            # Read, and not kept, before it is refused: a client that still sends does not read the refusal.
            await drain(request)
            return error_response(refusal)
        try:
            async with self._bodies.held(request, self._limit(route, request)):
                lane = route.lane(request)
                if lane is None:
                    answer: Response = route.endpoint(request)
                    return answer
                return await self._lanes.run(lane, route.endpoint, request)
        except ClientDisconnect:
            raise
        except CloudError as error:
            return _refused(route, request, error)
        except Exception as error:
            request_id: str = request.state.request_id
            log.exception("%s failed in its handler, request %s", request.method, request_id)
            return _refused(route, request, _storage_trouble(error) or _internal(request_id))

    def _limit(self, route: Route, request: Request) -> int:
        if route.limit is not None:
            return route.limit(request)
        return MAX_BODY_BYTES if route in self._routes else MAX_PUBLIC_BODY_BYTES

    def _admit(self, request: Request) -> Route:
        """The route of a request that may come in; what is looked at here waits for nothing.

        Raises:
            CloudError: it may not, or there is no such route.
        """
        route, allowed = _find((*self._public, *self._pages), request)
        if route is None and not allowed:
            request.state.principal = self._authenticate(request.headers.get("authorization"))
            route, allowed = _find(self._routes, request)
            if route is not None:
                self._authorize(request, route)
        if route is not None:
            return route
        if not allowed:
            raise self._missing(request)
        path = request.scope["path"]
        verbs = ", ".join(sorted(allowed))
        raise CloudError(
            405,
            "MethodNotAllowed",
            f"'{path}' does not take {request.method}; it takes {verbs}.",
            headers={"Allow": verbs},
        )


def normal_path(path: str) -> str:
    """The path without empty segments: Python's Azure SDK sends `…ModelManagement//accounts/N`."""
    return "/" + "/".join(segment for segment in path.split("/") if segment)


def own_address(host: str, base_urls: Sequence[str]) -> str:
    """The server's own address that a `Host` header names; where it names none of them, the preferred one.

    Callers leave the port of HTTPS out (RFC 9110, section 4.2.2), and some end a name with its dot.
    """
    return named_address(host, base_urls) or base_urls[0]


def named_address(host: str, base_urls: Sequence[str]) -> str | None:
    """The server's own address that a `Host` header names; None: it names none of them."""
    name, _, port = host.lower().partition(":")
    asked = f"https://{name.rstrip('.')}:{port or 443}"
    return asked if asked in base_urls else None


def client_request_id(request: Request) -> str | None:
    """The ID that the client gave its request, which answers repeat; None: it gave none, or an odd one."""
    given = request.headers.get("x-ms-client-request-id", "")
    return given if _CORRELATION_ID.match(given) else None


def body_of(request: Request) -> bytes:
    """The request's whole body, at most `MAX_BODY_BYTES` long."""
    body: bytes = request.state.body
    return body


def json_body(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        CloudError: 400 InvalidRequestContent, saying where it breaks. Refused, too, is what Python reads but
            cannot write again: once stored, it would break every list that it is in.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise _invalid_content(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _invalid_content(f"{error.msg} at {where}" if body.strip() else "it is empty") from None
    except (ValueError, RecursionError) as error:
        raise _invalid_content(str(error)) from None
    if not isinstance(value, dict):
        raise _invalid_content(f"a JSON object is expected, not {_JSON_NAMES[type(value)]}")
    _check_writable(value, MAX_DEPTH)
    return value


def error_response(error: CloudError) -> Response:
    """A refusal as Azure writes it: `{"error": {"code", "message"}}`."""
    content = {"error": {"code": error.code, "message": error.message}}
    return JSONResponse(content, error.status, headers=error.headers)


def _refused(route: Route, request: Request, error: CloudError) -> Response:
    return error_response(error) if route.refused is None else route.refused(request, error)


_JSON_NAMES = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "a boolean"} | {
    type(None): "null"
}


def _invalid_content(reason: str) -> CloudError:
    return CloudError(
        400, "InvalidRequestContent", f"The request content could not be read as JSON: {reason}."
    )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")


def _check_writable(value: object, depth: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise _invalid_content("a string in it has half of a surrogate pair, which is no character")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _invalid_content("a number in it is too large")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise _invalid_content(f"it is nested deeper than {MAX_DEPTH} levels")
        for inner in value:
            _check_writable(inner, depth - 1)
        for inner in value.values() if isinstance(value, dict) else ():
            _check_writable(inner, depth - 1)


def _any_case(route: Route) -> Route:
    route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
    return route


def _find(routes: Sequence[Route], request: Request) -> tuple[Route | None, set[str]]:
    """The route of a request, or the methods that its path takes."""
    allowed: set[str] = set()
    for route in routes:
        match, matched = route.matches(request.scope)
        if match is Match.FULL:
            request.scope.update(matched)
            return route, allowed
        if match is Match.PARTIAL:
            allowed |= route.methods or set()
    return None, allowed


def _internal(request_id: str) -> CloudError:
    message = f"An internal error occurred; localcloud's log has it under the request ID {request_id}."
    return CloudError(500, "InternalServerError", message)


def _storage_trouble(error: Exception) -> CloudError | None:
    """The refusal where the disk is full, or the database cannot be written now; None: it is neither.

    Nothing was changed then: a transaction is undone as a whole.
    """
    if isinstance(error, OSError):
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    elif isinstance(error, sqlite3.OperationalError):
        is_full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    else:
        return None
    if is_full:
        return CloudError(
            507,
            "InsufficientStorage",
            "The disk of localcloud's data folder is full. Nothing was changed: make room, and try again.",
        )
    if isinstance(error, OSError):
        return None
    return CloudError(
        503,
        "ServiceUnavailable",
        f"localcloud's database cannot be used now ({error}). Nothing was changed: try again. "
        "localcloud's log has more.",
        headers={"Retry-After": "5"},
    )
