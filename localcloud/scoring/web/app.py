"""A service over HTTP, in the shape of TensorFlow Serving's REST API: for curl, and for browsers.

`POST /v1/models/NAME:predict`, `GET /v1/models/NAME`, `GET /v1/models/NAME/metadata`, each also with
`/versions/N` behind the name. A service has one model, which answers whatever is named. The key, the places
and the turns are those of gRPC's calls.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from localcloud.scoring import caller_keys, model_facts
from localcloud.scoring.caller_keys import HEADER
from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import OK, PREDICT, Counts, Refused
from localcloud.scoring.errors import BusyError, InputError, StoppingError
from localcloud.scoring.served import ServedModel
from localcloud.scoring.web import request as requests
from localcloud.scoring.web.answer import JSON, Answer, of_message, predicted, refusal
from localcloud.scoring.wrong_keys import SLOWED_S

BODY_LIMIT: Final = 86 * 1024 * 1024
"""Largest body, in bytes: gRPC's largest message in base64."""

_SLOWED_LIMIT: Final = 32
_PATH: Final = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/(versions/[0-9]{1,18}|labels/[^/:]+))?(?P<what>:predict|/metadata|)"
)
_MODEL: Final = "/v1/models/NAME"
_METHODS: Final = {":predict": PREDICT, "/metadata": "GetModelMetadata", "": "GetModelStatus"}
# As gRPC names what these say; the others are no calls.
_CODES: Final = {
    200: OK,
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_log = logging.getLogger(__name__)


class App:
    """The application of one service, as ASGI has it.

    Args:
        service: the ID of the service.
        current: gives the model that answers, and the keys that open it.
        calls: the calls of all services.
        counts: of this service; a request counts as the call of gRPC that it stands for.
    """

    def __init__(
        self, service: str, current: Callable[[], ServedModel], calls: Calls, counts: Counts
    ) -> None:
        self._service, self._current, self._calls, self._counts = service, current, calls, counts
        self._slowed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        keys = self._current().keys
        began = time.perf_counter()
        found = _PATH.fullmatch(request.url.path)
        try:
            answer = await self._answer(request, found, keys)
        except ClientDisconnect:
            answer = None
        if found is not None:
            self._count(_METHODS[found["what"]], answer, time.perf_counter() - began)
        if answer is None:
            return
        headers = dict(answer.headers)
        if keys is not None:  # where anyone may call, any page that somebody has open could, too
            headers["Access-Control-Allow-Origin"] = "*"
        if answer.status in (401, 411, 413, 429):  # its body has not been read
            headers["Connection"] = "close"
        await Response(answer.body, answer.status, headers, JSON)(scope, receive, send)

    def _count(self, method: str, answer: Answer | None, duration_s: float) -> None:
        code = "CANCELLED" if answer is None else _CODES.get(answer.status)
        if code == OK and method == PREDICT and answer is not None:
            self._counts.answered(duration_s, len(answer.body))
        elif code is not None:
            self._counts.ended(method, code)

    async def _answer(
        self, request: Request, found: re.Match[str] | None, keys: tuple[str, str] | None
    ) -> Answer:
        if request.method == "OPTIONS" and keys is not None:
            allowed = {
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": f"{HEADER}, content-type",
                "Access-Control-Max-Age": "3600",
            }
            return Answer(204, b"", allowed)
        if found is None:
            words = f"There is POST {_MODEL}:predict, GET {_MODEL} and GET {_MODEL}/metadata."
            return refusal(404, words)
        wanted = "POST" if found["what"] == ":predict" else "GET"
        if request.method != wanted:
            words = f"{request.method} is not taken here; {wanted} is."
            return refusal(405, words, {"Allow": wanted})
        if keys is not None and (refused := await self._refusal(request, keys)) is not None:
            return refused
        if wanted == "POST":
            return await self._predicted(request)
        if found["what"]:
            told = model_facts.metadata(self._current())
            return of_message(told) if told is not None else _loading()
        return of_message(model_facts.status(self._current()))

    async def _refusal(self, request: Request, keys: tuple[str, str]) -> Answer | None:
        host, port = request.client or ("", 0)
        refused = caller_keys.judge(
            request.headers.getlist(HEADER),
            keys,
            self._calls.wrong_keys,
            service=self._service,
            connection=f"http:{host}:{port}",
            peer=host,
        )
        if refused is None:
            return None
        self._counts.refused(refused.reason)
        if refused.reason is Refused.NOT_COMPARED:
            return _busy(refused.words)
        if refused.reason is Refused.WRONG and self._slowed < _SLOWED_LIMIT:
            self._slowed += 1
            try:
                await asyncio.sleep(SLOWED_S)
            finally:
                self._slowed -= 1
        return refusal(401, refused.words.replace("metadata", "header"), {"WWW-Authenticate": "Bearer"})

    async def _predicted(self, request: Request) -> Answer:
        declared = request.headers.get("content-length", "")
        if not declared.isdecimal():
            return refusal(411, "The request has to say how long it is, by Content-Length.")
        size = int(declared[:18])
        if size > BODY_LIMIT:
            return refusal(413, f"The request has {size} bytes; {BODY_LIMIT} are taken.")
        peer = request.client.host if request.client else ""
        try:
            with self._calls.web(self._service, peer, size):
                body = await request.body()
                self._counts.received(len(body))
                return await self._computed(request, body)
        except BusyError as error:
            return _busy(str(error))

    async def _computed(self, request: Request, body: bytes) -> Answer:
        """The answer, once it is the request's turn; of who hangs up nothing is computed any more."""
        scorer = model_facts.loaded(self._current().scorer)
        if scorer is None:
            return _loading()

        def work() -> Answer:
            try:
                return predicted(requests.read(body), scorer)
            except InputError as error:
                return refusal(400, str(error))
            except StoppingError as error:
                return _unavailable(str(error))
            except BusyError as error:
                return _busy(str(error))
            except Exception:
                _log.exception("The model failed on a request of %d bytes", len(body))
                return refusal(500, "The model failed on this request.")

        answering = self._calls.begin(self._service, work, takes_core=scorer.computes_here)
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait(
                (answer := asyncio.wrap_future(answering), gone), return_when="FIRST_COMPLETED"
            )
            if not answer.done():
                raise ClientDisconnect
            return answer.result()
        finally:
            gone.cancel()
            self._calls.end(answering)


async def _gone(request: Request) -> None:
    """Ends when the caller hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _loading() -> Answer:
    return _unavailable(model_facts.LOADING)


def _unavailable(words: str) -> Answer:
    return refusal(503, words, {"Retry-After": "2"})


def _busy(words: str) -> Answer:
    return refusal(429, words, {"Retry-After": "1"})
