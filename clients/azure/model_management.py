"""The Model Management data plane: models, services, keys (api-version 2018-04-01-preview)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from clients.azure.cloud import Cloud
from clients.azure.errors import ClientError, NotFound, OperationFailed
from clients.azure.operations import Pending, Waiter
from clients.http import Answer

ACCOUNT_API_VERSION: Final = "2017-09-01-preview"
API_VERSION: Final = "2018-04-01-preview"
OPERATION_DEADLINE_S: Final = 30 * 60.0

SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
INVALID_PACKAGE: Final = "InvalidPackage"
NOT_FETCHED: Final = "PackageNotFetched"

KeyType = Literal["Primary", "Secondary"]


@dataclass(frozen=True)
class Model:
    """A registered model package."""

    id: str
    name: str


@dataclass(frozen=True)
class Tls:
    """The chain and private key that a service serves TLS with, PEM."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class ServiceRequest:
    """A service as it should be.

    Attributes:
        tls: None: SSL is off, and anyone may call it.
        replicas: how many there are to be.
        most_replicas: how many there may be where their number follows the calls; None: `replicas` it is.
    """

    name: str
    model_id: str
    tls: Tls | None
    replicas: int = 1
    most_replicas: int | None = None


@dataclass(frozen=True)
class Service:
    """A service as the API tells it.

    Attributes:
        address, port: empty and 0 until it has succeeded once.
        replicas: how many there are to be, at least, whatever number follows the calls now.
        most_replicas: how many there may be; None: `replicas` it is.
        shortage: the reason why fewer answer, a sentence; empty: they do not, or nobody tells.
    """

    id: str
    name: str
    state: str
    address: str
    port: int
    model_id: str
    replicas: int = 1
    most_replicas: int | None = None
    shortage: str = ""

    @property
    def fpgas(self) -> int:
        """How many of its account's FPGAs it holds: none where it has failed, and never served."""
        return 0 if self.state == FAILED and not self.address else self.most_replicas or self.replicas


@dataclass(frozen=True)
class Keys:
    """The two authentication keys of a service; either is accepted."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


class ModelManagement:
    """One Model Management account.

    Args:
        cloud: where the account is, and who asks.
        account_id: the account's resource ID
            (`/subscriptions/…/resourceGroups/…/providers/Microsoft.MachineLearningModelManagement/accounts/…`).
        waiter: how long-running operations are waited for.
    """

    def __init__(self, cloud: Cloud, account_id: str, waiter: Waiter | None = None) -> None:
        self._cloud = cloud
        self._account_id = account_id
        self._waiter = waiter or Waiter()

    # models

    def models(self) -> list[Model]:
        return [Model(item["id"], item["name"]) for item in self._list(f"{self._base}/models")]

    def models_named(self, name: str) -> list[Model]:
        return [model for model in self.models() if model.name == name]

    def model(self, model_id: str) -> Model | None:
        """The model, or None if it is gone, be it alone or with its account."""
        try:
            return next((model for model in self.models() if model.id == model_id), None)
        except NotFound as error:
            _raise_if_misdirected(error)
            return None

    def register_model(self, name: str, url: str) -> Model:
        """Registers the zip at `url`, which the service fetches: a SAS URL of a blob.

        It says what the model is for: localcloud then refuses a package that could not be deployed, where
        it would register any other.

        Raises:
            ServiceError: InvalidPackage, in localcloud's words.
        """
        body = {
            "name": name,
            "mimeType": "application/zip",
            "url": url,
            "unpack": False,
            "computeType": "FPGA",
        }
        answer = self._send("POST", f"{self._base}/models", body=body)
        return Model(answer.body["id"], answer.body["name"])

    def delete_model(self, model_id: str) -> None:
        """Deletes the model, if it is there."""
        try:
            self._send("DELETE", f"{self._base}/models/{quote(model_id, safe='')}")
        except NotFound as error:
            _raise_if_misdirected(error)

    # services

    def services(self) -> list[Service]:
        return [_service(item) for item in self._list(f"{self._base}/services")]

    def services_named(self, name: str) -> list[Service]:
        listed = self._list(f"{self._base}/services", {"serviceName": name})
        return [_service(item) for item in listed if item["name"] == name]

    def service(self, service_id: str) -> Service | None:
        """The service, or None if it is gone, be it alone or with its account."""
        try:
            return _service(self._send("GET", self._service_url(service_id)).body)
        except NotFound:
            self._require_answer_of_its_cloud()
            return None

    def create_service(self, request: ServiceRequest) -> Service:
        """Creates the service and waits until it serves.

        Raises:
            QuotaExceeded: the account has no FPGA left.
            OperationFailed: it was accepted, and failed.
        """
        body = {"name": request.name, **_asked(request)}
        answer = self._send("POST", f"{self._base}/services", body=body)
        return self._finished(answer, f"creating the service {request.name}")

    def update_service(self, service_id: str, request: ServiceRequest) -> Service:
        """Changes model, SSL and number of replicas in place: address, port and keys stay."""
        answer = self._send("PUT", self._service_url(service_id), body=_asked(request))
        return self._finished(answer, f"updating the service {request.name}")

    def delete_service(self, service_id: str) -> None:
        """Deletes the service, if it is there, and waits until it is gone."""
        try:
            answer = self._send("DELETE", self._service_url(service_id))
        except NotFound as error:
            _raise_if_misdirected(error)
            return
        if answer.status == 202:
            self._wait(answer, self._cloud.told(f"deleting the service {service_id}"))

    def settled(self, service_id: str) -> Service | None:
        """The service once no operation works on it: Succeeded or Failed; None if it is gone by then."""

        def look() -> Service | Pending | None:
            service = self.service(service_id)
            if service is None or service.state in (SUCCEEDED, FAILED):
                return service
            return Pending(f"state {service.state}")

        what = self._cloud.told(f"the service {service_id} to settle")
        return self._waiter.until_done(look, what=what, deadline_s=OPERATION_DEADLINE_S)

    def keys(self, service_id: str) -> Keys | None:
        """The service's keys, or None if the service is gone, be it alone or with its account."""
        try:
            body = self._send("GET", f"{self._service_url(service_id)}/keys").body
        except NotFound:
            self._require_answer_of_its_cloud()
            return None
        return Keys(body["primaryKey"], body["secondaryKey"])

    def regenerate_key(self, service_id: str, which: KeyType) -> Keys:
        """Makes a new key in place of one, which is refused from then on; the other stays as it is.

        Never repeated once it was sent: who asks again withdraws the new key, too.
        """
        body = {"keyType": which}
        answer = self._send("POST", f"{self._service_url(service_id)}/regenerateKeys", body=body).body
        return Keys(answer["primaryKey"], answer["secondaryKey"])

    # the wire

    @cached_property
    def _endpoint(self) -> str:
        """Scheme and host of the data plane: the account tells it."""
        properties = self._cloud.manage("GET", self._account_id, ACCOUNT_API_VERSION).get("properties", {})
        location = urlsplit(properties.get("modelManagementSwaggerLocation", ""))
        if not location.netloc:
            raise ClientError(
                self._cloud.told(f"{self._account_id} does not tell its modelManagementSwaggerLocation")
            )
        return f"{location.scheme}://{location.netloc}"

    @cached_property
    def _base(self) -> str:
        _, _, subscription, _, group, _, _, _, name = self._account_id.split("/")
        return f"{self._endpoint}/api/subscriptions/{subscription}/resourcegroups/{group}/accounts/{name}"

    def _service_url(self, service_id: str) -> str:
        return f"{self._base}/services/{quote(service_id, safe='')}"

    def _send(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        query = {"api-version": API_VERSION, **(query or {})}
        return self._cloud.pipeline.send(method, url, query=query, body=body)

    def _list(self, url: str, query: Mapping[str, str] | None = None) -> Iterator[Mapping[str, Any]]:
        answer = self._send("GET", url, query)
        while True:
            yield from answer.body.get("value", ())
            following = answer.body.get("nextLink")
            if not following:
                return
            answer = self._cloud.pipeline.follow(following, named_by=url)

    def _finished(self, answer: Answer, what: str) -> Service:
        """Waits for the operation and reads the service: a create counts only if it is Succeeded then."""
        what = self._cloud.told(what)
        location = self._wait(answer, what)
        service = self.service(location.rstrip("/").rpartition("/")[2])
        if service is None or service.state != SUCCEEDED:
            state = "gone" if service is None else service.state
            raise OperationFailed(f"{what}: the operation succeeded, but the service is {state}")
        return service

    def _wait(self, answer: Answer, what: str) -> str:
        """Follows Operation-Location to the end and returns the resourceLocation."""

        def look() -> str | Pending:
            polled = self._cloud.pipeline.follow(
                answer.headers["Operation-Location"],
                named_by=self._endpoint,
                query={"api-version": API_VERSION},
            )
            state = polled.body["state"]
            if state == SUCCEEDED:
                return str(polled.body.get("resourceLocation", ""))
            if state == FAILED:
                error = polled.body.get("error") or {}
                detail = "; ".join(
                    str(one.get("message", one))
                    for one in error.get("details") or ()
                    if isinstance(one, dict)
                )
                message = str(error.get("message") or "no reason was given")
                raise OperationFailed(f"{what}: {message}" + (f" ({detail})" if detail else ""))
            return Pending(f"operation {state}", polled.retry_after_s)

        accepted = Pending("accepted", answer.retry_after_s)
        return self._waiter.until_done(look, what=what, deadline_s=OPERATION_DEADLINE_S, accepted=accepted)

    def _require_answer_of_its_cloud(self) -> None:
        """A 404 proves that a thing is gone only where the account is there, or its cloud says that it is
        gone: what was lost with an account is lost.
        """
        try:
            self._cloud.manage("GET", self._account_id, ACCOUNT_API_VERSION)
        except NotFound as error:
            _raise_if_misdirected(error)


def _raise_if_misdirected(error: NotFound) -> None:
    """Raises a 404 again that tells of another subscription: it proves nothing, where one of a group does."""
    if error.code == "SubscriptionNotFound":
        raise error


def _asked(request: ServiceRequest) -> dict[str, Any]:
    """What creating and updating a service have in common."""
    tls, most = request.tls, request.most_replicas
    number: dict[str, Any] = {"numReplicas": request.replicas}
    if most is not None:  # numReplicas cannot be given beside it
        number = {
            "autoScaler": {"autoscaleEnabled": True, "minReplicas": request.replicas, "maxReplicas": most}
        }
    return {
        "computeType": "FPGA",
        "modelId": request.model_id,
        **number,
        "sslEnabled": tls is not None,
        "sslCertificate": tls.certificate if tls else "",
        "sslKey": tls.key if tls else "",
    }


def _service(item: Mapping[str, Any]) -> Service:
    scaler = item.get("autoScaler") or {}
    if not scaler.get("autoscaleEnabled"):
        scaler = {}
    return Service(
        id=item["id"],
        name=item["name"],
        state=item["state"],
        address=item.get("ipAddress") or "",
        port=int(item.get("port") or 0),
        model_id=item.get("modelId") or "",
        replicas=int(scaler.get("minReplicas") or item.get("numReplicas") or 1),
        most_replicas=int(scaler["maxReplicas"]) if scaler.get("maxReplicas") else None,
        shortage=str(((item.get("deploymentStatus") or {}).get("error") or {}).get("message") or ""),
    )
