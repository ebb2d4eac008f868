"""Azure Resource Manager over HTTPS: sign-in, requests, long-running operations, errors in words.

requests and azure-identity are imported by the first request: a preview without changes makes none, and
start-up is what it waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from engine.azure_native.assertion import Assertion
from engine.azure_native.config import CLOUDS, Cloud, Configuration, ConfigurationError

if TYPE_CHECKING:
    import requests
    from azure.core.credentials import TokenCredential

_METADATA_API_VERSION: Final = "2022-09-01"
_REQUEST_TIMEOUT_S: Final = 60.0
_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 5.0
_FINAL_STATES: Final = frozenset({"failed", "canceled", "succeeded"})
_GONE: Final = frozenset(
    {"NotFound", "ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "ContainerNotFound"}
)


class ArmError(Exception):
    """Azure refused, or an operation failed there.

    Attributes:
        status: HTTP status.
        code: ARM's error code.
        message: ARM's message.
    """

    def __init__(
        self, action: str, status: int, code: str, message: str, request_id: str | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        trace = f" (x-ms-request-id {request_id})" if request_id else ""
        super().__init__(f"{action}: {status} {code}: {message}{trace}")

    @property
    def gone(self) -> bool:
        """Whether this says that the resource, or what it is in, is not there.

        A 404 of another kind (an unknown subscription, an answer that is not ARM's) says no such thing.
        """
        return self.status == 404 and self.code in _GONE


class ConnectionFailed(Exception):
    """No answer came: nothing listens, the certificate is not trusted, the sign-in failed."""


class Cancelled(Exception):
    """The engine called the work off."""


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
        self._connection: tuple[Cloud, requests.Session, TokenCredential] | None = None

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

        _, _, credential = self._connect()
        token = self._token(credential)
        payload = token.split(".")[1]
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
        import requests

        cloud, session, credential = self._connect()
        url = urljoin(cloud.resource_manager, path)
        if not _same_origin(url, cloud.resource_manager):
            # The token is for Resource Manager alone, whatever address an answer gives.
            raise ConnectionFailed(f"refused to send the token to {urlsplit(url).netloc}")
        try:
            response = session.request(
                method,
                url,
                params={"api-version": api_version} if api_version else None,
                json=body,
                headers={"Authorization": f"Bearer {self._token(credential)}"},
                timeout=_REQUEST_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise ConnectionFailed(_unreachable(urlsplit(url).netloc, error)) from None
        document = _json(response)
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

    def _token(self, credential: TokenCredential) -> str:
        from azure.core.exceptions import AzureError

        cloud, _, _ = self._connect()
        # The audience's own final slash stays: "https://management.core.windows.net//.default".
        try:
            return credential.get_token(f"{cloud.audience}/.default").token
        except AzureError as error:
            raise ConnectionFailed(f"signing in at {cloud.login_endpoint} failed: {error.message}") from None

    def _connect(self) -> tuple[Cloud, requests.Session, TokenCredential]:
        with self._lock:
            if self._connection is None:
                session = _session(self._configuration.ca_file)
                cloud = self._discover(session)
                self._connection = (cloud, session, self._credential(cloud, session))
            return self._connection

    def _discover(self, session: requests.Session) -> Cloud:
        import requests

        host = self._configuration.metadata_host
        if host is None:
            known = CLOUDS.get(self._configuration.environment)
            if known is None:
                raise ConfigurationError(
                    f"azure-native:environment is '{self._configuration.environment}': "
                    f"it must be one of {', '.join(CLOUDS)}; for another cloud set azure-native:metadataHost"
                )
            return known
        url = f"https://{host}/metadata/endpoints?api-version={_METADATA_API_VERSION}"
        try:
            response = session.get(url, timeout=_REQUEST_TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise ConnectionFailed(_unreachable(f"azure-native:metadataHost {host}", error)) from None
        document = _json(response)
        try:
            authentication = document["authentication"]
            found = Cloud(
                str(authentication["loginEndpoint"]),
                str(authentication["audiences"][0]),
                str(document["resourceManager"]),
            )
        except (KeyError, IndexError, TypeError):
            raise ConfigurationError(
                f"azure-native:metadataHost {host} does not answer as a cloud does "
                f"(GET {url}: {response.status_code}); it must be host:port of a cloud's metadata endpoint"
            ) from None
        for address in (found.login_endpoint, found.resource_manager):
            if urlsplit(address).scheme != "https":
                raise ConfigurationError(
                    f"azure-native:metadataHost {host} names {address}, which is not https"
                )
        return found

    def _credential(self, cloud: Cloud, session: requests.Session) -> TokenCredential:
        from azure.identity import ClientAssertionCredential, ClientSecretCredential

        options: dict[str, Any] = {}
        if self._configuration.ca_file:
            options["connection_verify"] = self._configuration.ca_file
        if self._configuration.use_oidc and not self._configuration.client_secret:
            return ClientAssertionCredential(
                self._configuration.require("tenantId"),
                self._configuration.require("clientId"),
                Assertion(self._configuration, session),
                authority=cloud.login_endpoint,
                **options,
            )
        return ClientSecretCredential(
            self._configuration.require("tenantId"),
            self._configuration.require("clientId"),
            self._configuration.require("clientSecret"),
            authority=cloud.login_endpoint,
            disable_instance_discovery=self._configuration.disable_instance_discovery,
            **options,
        )


def _session(ca_file: str | None) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    # GET, PUT and DELETE of ARM may be sent again; a refusal that is meant is none of these statuses.
    retry = Retry(
        total=5,
        connect=2,
        other=0,  # a certificate that is not trusted now will not be in a second
        backoff_factor=0.2,
        status_forcelist=(408, 429, 500, 502, 503, 504),
        allowed_methods={"GET", "PUT", "DELETE"},
        raise_on_status=False,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry, pool_maxsize=16))
    session.headers["User-Agent"] = "pulumi-resource-azure-native stand-in"
    if ca_file:
        session.verify = ca_file
        # Else REQUESTS_CA_BUNDLE, if set, would win.
        session.trust_env = False
    return session


def _json(response: requests.Response) -> dict[str, Any]:
    import requests

    try:
        document = response.json() if response.content else {}
    except requests.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after_s(headers: Any) -> float | None:
    for name, unit_s in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        value = str(headers.get(name, ""))
        if value.isdigit():
            return int(value) * unit_s
    return None


def _same_origin(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)


def _unreachable(what: str, error: Exception) -> str:
    import requests

    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the TLS certificate of {what} is not trusted ({_reason(text)}): "
            "SSL_CERT_FILE must name a PEM file that holds its root"
        )
    if isinstance(error, requests.Timeout):
        return f"{what} did not answer within {_REQUEST_TIMEOUT_S:.0f} s"
    if "refused" in text:
        return f"nothing listens at {what}"
    return f"{what} cannot be reached: {_reason(text)}"


def _reason(text: str) -> str:
    """The innermost cause in requests' nested texts."""
    return text.rpartition("(Caused by ")[2].rstrip(")") or text
