"""The plugin's calls of Azure Resource Manager: verbs on resources, and waiting for long-running operations.

The clients, requests and azure-identity are imported by the first request: a preview without changes makes
none, and start-up is what it waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from clients.azure.errors import NotFound, ServiceError
from engine.azure_native.config import Configuration

if TYPE_CHECKING:
    from clients.azure.cloud import Cloud
    from clients.azure.operations import Pending
    from clients.http import Answer

_FINAL_STATES: Final = frozenset({"failed", "canceled", "succeeded"})
_GONE: Final = frozenset(
    {"NotFound", "ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "ContainerNotFound"}
)


class Cancelled(Exception):
    """The engine called the work off."""


class ArmClient:
    """A client of one cloud, signed in as one service principal. Safe to use from many threads.

    Its calls raise `ClientError`, and `SettingError` where a setting that signs in is missing.
    """

    def __init__(self, configuration: Configuration, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._configuration = configuration
        self._clock = clock
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._connected: Cloud | None = None

    def cancel(self) -> None:
        """Ends every wait for an operation."""
        self._cancelled.set()

    def get(self, path: str, api_version: str) -> Mapping[str, Any]:
        """GET of a resource; of the refusals, `is_gone` tells that it is not there."""
        return self._send("GET", path, api_version).body

    def post(self, path: str, api_version: str) -> Mapping[str, Any]:
        """POST of an action without a body, such as listKeys."""
        return self._send("POST", path, api_version).body

    def put(self, path: str, api_version: str, body: Mapping[str, Any]) -> Answer:
        """PUT of a resource: the first answer, whose operation may still run (`finish`)."""
        return self._send("PUT", path, api_version, body)

    def delete(self, path: str, api_version: str, timeout_s: float) -> None:
        """DELETE of a resource, if it is there, to the end of its operation."""
        try:
            self.finish(self._send("DELETE", path, api_version), timeout_s)
        except NotFound as error:
            if not is_gone(error):
                raise

    def finish(self, answer: Answer, timeout_s: float) -> None:
        """Waits for the long-running operation that an answer started, if it did.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations

        Raises:
            ServiceError: it ended badly.
            DeadlineExceeded: it took longer than timeout_s.
            Cancelled: the engine called it off.
        """
        from clients.azure.operations import Pending, Waiter

        operation = answer.headers.get("Azure-AsyncOperation")
        location = answer.headers.get("Location")
        state = _provisioning_state(answer)
        runs = answer.status == 202 or (state not in _FINAL_STATES and bool(operation or state))
        if not runs:
            if state in ("failed", "canceled"):
                raise _failure("the request", answer, state, {"message": "the resource was not provisioned"})
            return

        def look() -> bool | Pending:
            address = operation or location or answer.url
            polled = self._cloud().pipeline.follow(address, named_by=answer.url)
            if operation:
                state = str(polled.body.get("status", "")).lower()
            elif location:
                state = "inprogress" if polled.status == 202 else "succeeded"
            else:
                state = _provisioning_state(polled) or "succeeded"
            if state in ("failed", "canceled"):
                raise _failure("the operation", polled, state, polled.body.get("error") or {})
            return True if state == "succeeded" else Pending(f"operation {state}", polled.retry_after_s)

        Waiter(self._clock, self._pause).until_done(
            look,
            what="an Azure operation",
            deadline_s=timeout_s,
            accepted=Pending("accepted", answer.retry_after_s),
        )

    def client_config(self) -> dict[str, str]:
        """The signed-in principal: clientId, objectId, subscriptionId, tenantId."""
        import base64
        import json

        payload = self._cloud().token().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        azure = self._configuration.azure
        return {
            "clientId": azure.client_id,
            "objectId": str(claims.get("oid", "")),
            "subscriptionId": azure.subscription_id,
            "tenantId": azure.tenant_id,
        }

    def _send(
        self, method: str, path: str, api_version: str, body: Mapping[str, Any] | None = None
    ) -> Answer:
        return self._cloud().send(method, path, api_version, body)

    def _cloud(self) -> Cloud:
        from clients.azure.cloud import Cloud

        with self._lock:
            if self._connected is None:
                self._connected = Cloud(self._configuration.azure, ca_file=self._configuration.ca_file)
            return self._connected

    def _pause(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise Cancelled("called off while an Azure operation was running; it may still finish there")


def is_gone(error: NotFound) -> bool:
    """Tells whether the resource, or what it is in, is not there.

    A 404 of another kind (an unknown subscription, an answer that is not ARM's) says no such thing.
    """
    return error.code in _GONE


def _failure(action: str, answer: Answer, state: str, error: Mapping[str, Any]) -> ServiceError:
    return ServiceError(
        action,
        status=answer.status,
        code=str(error.get("code") or state.capitalize()),
        message=str(error.get("message") or "no reason was given"),
        request_id=answer.headers.get("x-ms-request-id", ""),
    )


def _provisioning_state(answer: Answer) -> str:
    return str((answer.body.get("properties") or {}).get("provisioningState", "")).lower()
