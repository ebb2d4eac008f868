"""HTTP with a token, retries and redaction: what every call of this room goes through.

A request is repeated only where that is safe: after an answer that says "later" (429, 503); after any
other passing failure if the method may be repeated, or if the request cannot have arrived.
"""

from __future__ import annotations

import email.utils
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from clients.azure.errors import ConnectionFailed, ServiceError
from surroundings import https

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
ATTEMPTS = 5
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 60.0

_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_LATER = frozenset({429, 503})
_PASSING = frozenset({408, 500, 502, 504})
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.SSLError,
)


@dataclass(frozen=True)
class Answer:
    """An answer that grants: HTTP status, headers (their names match whatever their case), JSON body."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def retry_after_s(self) -> float | None:
        return _retry_after_s(self.headers)


class Pipeline:
    """Sends requests of one signed-in caller; may be shared by threads.

    Args:
        token: gives a bearer token, called for each request; None sends none.
        verify: the PEM file with the roots to trust; True: the system's.
        clock, sleep, jitter: seconds since any moment; a pause; a number in [0, 1). Tests replace them.
    """

    def __init__(
        self,
        token: Callable[[], str] | None = None,
        *,
        verify: str | bool = True,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._token = token
        self._verify = verify
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._session = https.session()

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends one request, repeating it where that is safe. `headers` go with those that each request has.

        Raises:
            ConnectionFailed: no answer came.
            ServiceError: the answer refuses (a subclass by status).
        """
        action = f"{method} {_without_query(url)}"
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                response = self._send_once(method, url, query, body, headers or {})
            except requests.RequestException as error:
                sent = not _cannot_have_arrived(error)
                if last or (sent and method not in _REPEATABLE_METHODS) or _is_definite(error):
                    raise ConnectionFailed(action, _reason(error), sent=sent) from None
                self._sleep(self._pause_s(attempt))
                continue
            if response.status_code < 400:
                return Answer(response.status_code, response.headers, _json(response))
            retry = response.status_code in _LATER or (
                response.status_code in _PASSING and method in _REPEATABLE_METHODS
            )
            if last or not retry:
                raise _refusal(action, response)
            asked_s = _retry_after_s(response.headers, self._clock)
            self._sleep(self._pause_s(attempt) if asked_s is None else min(asked_s, LONGEST_PAUSE_S))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Ends the connections that are kept open."""
        self._session.close()

    def _send_once(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        extra: Mapping[str, str],
    ) -> requests.Response:
        headers = {"Accept": "application/json", "x-ms-client-request-id": str(uuid.uuid4()), **extra}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token()}"
        return self._session.request(
            method,
            url,
            params=query,
            json=body,
            headers=headers,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            # at the request, for a session's own setting loses against REQUESTS_CA_BUNDLE
            verify=self._verify,
            allow_redirects=False,
        )

    def _pause_s(self, attempt: int) -> float:
        return float(min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S) * (0.5 + 0.5 * self._jitter()))


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _causes(error: BaseException) -> list[BaseException]:
    """The error, what it wraps, and so on: requests wraps urllib3, which wraps the reason."""
    chain: list[BaseException] = []
    current: object = error
    while isinstance(current, BaseException) and current not in chain:
        chain.append(current)
        wrapped = getattr(current, "reason", None)
        current = wrapped if isinstance(wrapped, BaseException) else next(iter(current.args), None)
    return chain


def _cannot_have_arrived(error: requests.RequestException) -> bool:
    return isinstance(error, requests.ConnectTimeout) or any(
        isinstance(cause, _NEVER_SENT) for cause in _causes(error)
    )


def _is_definite(error: requests.RequestException) -> bool:
    """A certificate that is not trusted, or an address that is none, is the same the next time."""
    return isinstance(
        error,
        requests.exceptions.SSLError | requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema,
    )


def _reason(error: requests.RequestException) -> str:
    """The innermost cause: the outer ones repeat the URL, query and all."""
    innermost = _causes(error)[-1]
    text = str(innermost)
    reason = text.split("object at 0x")[-1].partition(">: ")[2] or text
    if isinstance(error, requests.exceptions.SSLError):
        return f"{reason}; is the issuer in the file that SSL_CERT_FILE names?"
    return reason or type(innermost).__name__


def _json(response: requests.Response) -> Mapping[str, Any]:
    if not response.content:
        return {}
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(action: str, response: requests.Response) -> ServiceError:
    error = _json(response).get("error")
    told = error if isinstance(error, dict) else {}
    return ServiceError.of(
        action,
        status=response.status_code,
        code=str(told.get("code") or ""),
        message=str(told.get("message") or response.reason or "refused"),
        request_id=response.headers.get("x-ms-request-id", ""),
    )


def _retry_after_s(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """`retry-after-ms`, else `Retry-After` in seconds or as a date (RFC 9110, 10.2.3)."""
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds.isdecimal():
        return int(milliseconds) / 1000
    given = headers.get("Retry-After", "").strip()
    if not given:
        return None
    if given.isdecimal():
        return float(given)
    try:
        moment = email.utils.parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - clock())
