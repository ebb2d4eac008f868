"""HTTP requests with a token, repeated where that is safe, with errors that hold no secret.

Every call of this room goes through `Pipeline`, and whoever else repeats requests does it as `Patience` does.
"""

from __future__ import annotations

import datetime as dt
import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError, SSLError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from clients.azure.errors import ClientError, ConnectionFailed, ServiceError
from surroundings import https, json_text

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 60.0
ATTEMPTS: Final = 5
# X509_V_ERR_… of OpenSSL's x509_vfy.h: not yet valid, expired; of another host, of another address
_OUT_OF_TIME: Final = frozenset({9, 10})
_OF_ANOTHER_NAME: Final = frozenset({62, 64})
NOT_COUNTED: Final = 2
"""Attempts more where a port is closed, as while a server is started anew: twelve seconds in all."""
CONNECTIONS: Final = 16
"""Kept open to one host: the engine's plugin works in as many threads."""


@dataclass(frozen=True)
class Answer:
    """An answer that grants.

    Attributes:
        status: HTTP status.
        headers: their names match whatever their case.
        body: the JSON object; empty where there is none.
        url: the address that was asked.
    """

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    url: str = ""

    @property
    def retry_after_s(self) -> float | None:
        """The seconds after which the service asks to look again; None where it does not say."""
        return https.retry_after_s(self.headers)


@dataclass(frozen=True)
class Peer:
    """Who answers, for messages.

    Attributes:
        called: the words for who it is; empty: the address says enough.
        roots: what names the roots to trust it by.
        remedies: what there is to do about a refusal, by its code.
    """

    called: str = ""
    roots: str = "SSL_CERT_FILE"
    remedies: Mapping[str, str] = field(default_factory=dict)

    def told(self, action: str) -> str:
        """An action, for the start of a message."""
        return f"{self.called}: {action}" if self.called else action


class Patience(Retry):
    """The rule by which a request is repeated, for an adapter's `max_retries`.

    A request that cannot have arrived is repeated, and so is one that was put off, whatever its method; after
    any other passing failure, which may have come when all was done, one whose method may be repeated. A port
    that is closed is asked longest.

    Attributes:
        LATER: statuses that put off: nothing was done.
        PASSING: statuses of the other passing failures.
        METHODS: those that may be repeated.
        LONGEST_PAUSE_S: the longest pause between two attempts, whatever the server asks for.
    """

    LATER = frozenset({429})
    PASSING = frozenset({408, 500, 502, 503, 504})
    METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
    LONGEST_PAUSE_S = 60.0

    def __init__(self, **options: Any) -> None:
        defaults = {
            "total": ATTEMPTS - 1,
            "allowed_methods": self.METHODS,
            "backoff_factor": 0.2,
            "backoff_jitter": 0.1,
            "backoff_max": self.LONGEST_PAUSE_S,
            "raise_on_status": False,
        }
        super().__init__(**{**defaults, **options})

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002
        """Tells whether an answer of this status is asked for again."""
        return status_code in self.LATER or (
            status_code in self.PASSING and self._is_method_retryable(method)
        )

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """The pause that the server asks for, in seconds, cut to the longest."""
        asked_s = https.retry_after_s(response.headers)
        return None if asked_s is None else min(asked_s, self.LONGEST_PAUSE_S)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Patience:
        """The rule after one more failure.

        Raises:
            urllib3.exceptions.HTTPError: the request is not repeated any more.
        """
        if isinstance(error, SSLError) and not (
            _breaks_off(error) and self._is_method_retryable(method or "")
        ):
            raise error  # a certificate that is not trusted is the same the next time
        rule = self
        if _is_closed_port(error) and self._closed_ports() < NOT_COUNTED and self.total:
            rule = self.new(total=self.total + 1)
        try:
            return Retry.increment(rule, method, url, response, error, _pool, _stacktrace)
        except MaxRetryError as failure:
            raise _GaveUp(failure, arrived=self.may_have_acted()) from None

    def _closed_ports(self) -> int:
        """How many of the attempts so far came to a port that was closed."""
        return sum(_is_closed_port(attempt.error) for attempt in self.history)

    def may_have_acted(self) -> bool:
        """Tells whether one of the attempts so far may have been carried out, though it failed."""
        return any(map(self._may_have_acted, self.history))

    def _may_have_acted(self, attempt: Any) -> bool:
        if attempt.error is not None:
            return not _cannot_have_arrived(attempt.error)
        return attempt.status not in self.LATER


class _GaveUp(MaxRetryError):
    """The end of all attempts, which remembers whether one before the last may have arrived."""

    def __init__(self, failure: MaxRetryError, *, arrived: bool) -> None:
        super().__init__(failure.pool, failure.url or "", failure.reason)
        self.arrived = arrived


class Pipeline:
    """A sender of one signed-in caller's requests; may be shared by threads.

    Args:
        token: gives a bearer token, called for each request; None sends none.
        verify: the PEM file with the roots to trust; True: the system's.
        peer: who answers.
    """

    def __init__(
        self, token: Callable[[], str] | None = None, *, verify: str | bool = True, peer: Peer = Peer()
    ) -> None:
        self._token = token
        self._verify = verify
        self._peer = peer
        adapter = https.Adapter(max_retries=Patience(), pool_maxsize=CONNECTIONS)
        self._session = https.session(adapter)
        self._session.mount("http://", adapter)

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
            ServiceError: the answer refuses (a subclass by status), or sends elsewhere.
        """
        action = self._peer.told(f"{method} {_without_query(url)}")
        sent = {"Accept": "application/json", "x-ms-client-request-id": str(uuid.uuid4()), **(headers or {})}
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token()}"
        try:
            response = self._session.request(
                method,
                url,
                params=query,
                json=body,
                headers=sent,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                # at the request, for a session's own setting loses against REQUESTS_CA_BUNDLE
                verify=self._verify,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            reason = _reason(error, self._peer)
            raise ConnectionFailed(action, reason, sent=_was_sent(error)) from None
        if response.status_code >= 300:
            raise _refusal(action, response, self._peer)
        return Answer(response.status_code, response.headers, _json(response), response.url)

    def follow(self, url: str, *, named_by: str, query: Mapping[str, str] | None = None) -> Answer:
        """GET of an address that an answer gave: its next page, or the operation that it started.

        Args:
            url: it may be relative.
            named_by: the address that gave it. The token is for that server alone.

        Raises:
            ClientError: it is of another server; else as `send`.
        """
        address = urljoin(named_by, url)
        if _origin(address) != _origin(named_by):
            raise ClientError(
                f"{_without_query(named_by)} names {_without_query(address)}: refused to send the token there"
            )
        return self.send("GET", address, query=query)

    def close(self) -> None:
        """Ends the connections that are kept open."""
        self._session.close()


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454, 4): the server that an address is of."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _causes(error: BaseException) -> list[BaseException]:
    """The error, what it wraps, and so on: requests wraps urllib3, which wraps the reason."""
    chain: list[BaseException] = []
    current: object = error
    while isinstance(current, BaseException) and current not in chain:
        chain.append(current)
        wrapped = getattr(current, "reason", None) or getattr(current, "original_error", None)
        current = wrapped if isinstance(wrapped, BaseException) else next(iter(current.args), None)
    return chain


def _was_sent(error: requests.RequestException) -> bool:
    """Tells whether the request may have arrived, in the last attempt or in one before it."""
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return False
    causes = _causes(error)
    before = any(isinstance(cause, _GaveUp) and cause.arrived for cause in causes)
    return before or not any(map(_cannot_have_arrived, causes))


def _cannot_have_arrived(error: BaseException) -> bool:
    if isinstance(error, SSLError):
        return not _breaks_off(error)
    return isinstance(error, ConnectTimeoutError | ProxyError)


def _is_closed_port(error: BaseException | None) -> bool:
    return isinstance(error, NewConnectionError) and isinstance(error.__cause__, ConnectionRefusedError)


def _breaks_off(error: SSLError) -> bool:
    """Tells a connection that ends amid TLS, maybe after the request, from a handshake that fails."""
    return isinstance(next(iter(error.args), None), ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _reason(error: requests.RequestException, peer: Peer) -> str:
    """The innermost cause: the outer ones repeat the URL, query and all."""
    innermost = _causes(error)[-1]
    text = str(innermost)
    reason = text.split("object at 0x")[-1].partition(">: ")[2] or text or type(innermost).__name__
    if isinstance(innermost, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not trusted: {reason}; {_trust(innermost, peer)}"
    return reason


def _trust(error: ssl.SSLCertVerificationError, peer: Peer) -> str:
    """What there is to do about a certificate that is not trusted."""
    if error.verify_code in _OUT_OF_TIME:
        now = dt.datetime.now(dt.UTC)
        return f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC: where that is right, it needs a new one"
    if error.verify_code in _OF_ANOTHER_NAME:
        return (
            "it is of another name: call it by one that its certificate has, or have it issued for this one"
        )
    return f"{peer.roots} must name a PEM file that holds its root"


def _json(response: requests.Response) -> Mapping[str, Any]:
    try:
        body = json_text.loads(response.content) if response.content else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(action: str, response: requests.Response, peer: Peer) -> ServiceError:
    error = _json(response).get("error")
    told = error if isinstance(error, dict) else {}
    code = str(told.get("code") or "")
    return ServiceError.of(
        action,
        status=response.status_code,
        code=code,
        message=str(told.get("message") or response.reason or "refused"),
        request_id=response.headers.get("x-ms-request-id", ""),
        may_have_acted=_may_have_acted(response),
        remedy=peer.remedies.get(code, ""),
    )


def _may_have_acted(response: requests.Response) -> bool:
    """Tells a failure, maybe after all was done, and a refusal that follows one, from a plain refusal."""
    if response.status_code == 408 or response.status_code >= 500:
        return True
    attempts = response.raw.retries
    return isinstance(attempts, Patience) and attempts.may_have_acted()
