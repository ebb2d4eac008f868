"""Azure Resource Manager over HTTPS: requests, long-running operations, refusals.

requests and azure-identity are imported by the first request: a preview without changes makes none, and
start-up is what it waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from engine.azure_native.config import Configuration
from engine.azure_native.connection import Connection, json_of
from engine.azure_native.errors import ArmError, Cancelled, ConnectionFailed

_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 5.0
_FINAL_STATES: Final = frozenset({"failed", "canceled", "succeeded"})


@dataclass(frozen=True)
class Answer:
    """An answer of ARM: HTTP status, headers (any case), JSON body ({} if there is none), address asked."""

    status: int
    headers: Any
    body: dict[str, Any]
    url: str


class ArmClient:
    """A client of one cloud, signed in as one service principal. Safe to use from many threads."""

    def __init__(self, configuration: Configuration, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._configuration = configuration
        self._clock = clock
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def cancel(self) -> None:
        """Ends every wait for an operation."""
        self._cancelled.set()

    def get(self, path: str, api_version: str) -> dict[str, Any]:
        """GET of a resource. Raises `ArmError`, `ConnectionFailed`."""
        return self._send("GET", path, api_version).body

    def post(self, path: str, api_version: str) -> dict[str, Any]:
        """POST of an action without a body, such as listKeys."""
        return self._send("POST", path, api_version).body

    def put(self, path: str, api_version: str, body: dict[str, Any]) -> Answer:
        """PUT of a resource: the first answer, whose operation may still run (`finish`)."""
        return self._send("PUT", path, api_version, body)

    def delete(self, path: str, api_version: str, timeout_s: float) -> None:
        """DELETE of a resource, to the end of its operation; one that is gone is fine."""
        try:
            answer = self._send("DELETE", path, api_version)
            self.finish(answer, timeout_s)
        except ArmError as error:
            if not error.gone:
                raise

    def finish(self, answer: Answer, timeout_s: float) -> None:
        """Waits for the long-running operation that an answer started, if it did.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations

        Raises:
            ArmError: the operation failed.
            TimeoutError: it took longer than timeout_s.
            Cancelled: the engine called it off.
        """
        operation = answer.headers.get("Azure-AsyncOperation")
        location = answer.headers.get("Location")
        state = str((answer.body.get("properties") or {}).get("provisioningState", "")).lower()
        pending = answer.status == 202 or (operation and state not in _FINAL_STATES)
        pending = pending or (answer.status in (200, 201) and state and state not in _FINAL_STATES)
        if not pending:
            if state in ("failed", "canceled"):
                raise ArmError(
                    "the request", answer.status, state.capitalize(), "the resource was not provisioned"
                )
            return
        address = urljoin(answer.url, operation or location or answer.url)
        deadline = self._clock() + timeout_s
        pause = _FIRST_POLL_S
        while True:
            told = _retry_after_s(answer.headers)
            delay = pause if told is None else told
            pause = min(pause * 2, _LONGEST_POLL_S)
            if self._clock() + delay > deadline:
                raise TimeoutError(
                    f"the operation still ran after {timeout_s:.0f} s: {urlsplit(address).path}"
                )
            if self._cancelled.wait(delay):
                raise Cancelled("called off while an Azure operation was running; it may still finish there")
            answer = self._send("GET", address, None)
            if operation:
                state = str(answer.body.get("status", "")).lower()
            elif location:
                state = "inprogress" if answer.status == 202 else "succeeded"
            else:
                state = str(
                    (answer.body.get("properties") or {}).get("provisioningState", "succeeded")
                ).lower()
            if state == "succeeded":
                return
            if state in ("failed", "canceled"):
                error = answer.body.get("error") or {}
                raise ArmError(
                    "the operation",
                    answer.status,
                    str(error.get("code", state.capitalize())),
                    str(error.get("message", "no reason was given")),
                    answer.headers.get("x-ms-request-id"),
                )

    def client_config(self) -> dict[str, str]:
        """The signed-in principal: clientId, objectId, subscriptionId, tenantId."""
        import base64
        import json

        payload = self._connected().token().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {
            "clientId": self._configuration.require("clientId"),
            "objectId": str(claims.get("oid", "")),
            "subscriptionId": self._configuration.require("subscriptionId"),
            "tenantId": self._configuration.require("tenantId"),
        }

    def _send(
        self, method: str, path: str, api_version: str | None, body: dict[str, Any] | None = None
    ) -> Answer:
        connection = self._connected()
        resource_manager = connection.cloud.resource_manager
        url = urljoin(resource_manager, path)
        if not _same_origin(url, resource_manager):
            # The token is for Resource Manager alone, whatever address an answer gives.
            raise ConnectionFailed(f"refused to send the token to {urlsplit(url).netloc}")
        response = connection.send(
            method,
            url,
            what=urlsplit(url).netloc,
            params={"api-version": api_version} if api_version else None,
            json=body,
            headers={"Authorization": f"Bearer {connection.token()}"},
        )
        document = json_of(response)
        if response.status_code >= 300:
            found = document.get("error")
            refusal = found if isinstance(found, dict) else {}
            raise ArmError(
                f"{method} {urlsplit(url).path}",
                response.status_code,
                str(refusal.get("code") or response.reason or "error"),
                str(refusal.get("message") or "the answer holds no message"),
                response.headers.get("x-ms-request-id"),
            )
        return Answer(response.status_code, response.headers, document, response.url)

    def _connected(self) -> Connection:
        with self._lock:
            if self._connection is None:
                self._connection = Connection(self._configuration)
            return self._connection


def _retry_after_s(headers: Any) -> float | None:
    for name, unit_s in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        value = str(headers.get(name, ""))
        if value.isdigit():
            return int(value) * unit_s
    return None


def _same_origin(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)
