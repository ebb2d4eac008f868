"""A localcloud with one of each thing that outlives it, and callers of every kind who repeat by a rule."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dns.message
import dns.query
from azure.storage.blob import BlobServiceClient

from clients.azure.errors import ConnectionFailed
from clients.http import Pipeline
from localcloud import control
from surroundings.tls import client_context
from tests.support.certificates.authority import Authority
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane, PackageHost, endpoint, leaf, on
from tests.support.localcloud.retrying_callers import Tally, calling, repeated, scoring
from tests.support.waiting import PATIENCE_S

SCORING_CALLERS: Final = 8
HTTPS_CALLERS: Final = 4
HTTP_CALLERS: Final = 2
HTTP_PORT: Final = 8501
_ZONE: Final = "upgraded.test"
_STORAGE: Final = "upgraded1"
_TOLD: Final = ("https", "dns", "blob", "tenant", "subscription", "client_id", "client_secret_file", "ca")


@dataclass(frozen=True)
class Served:
    """A localcloud as a process of its own, with a service with SSL, a record and a blob.

    Attributes:
        data: its data folder.
        service: the service's document.
        root: the root that the service's certificate is trusted by, PEM.
    """

    data: Path
    service: dict[str, Any]
    root: bytes

    @property
    def id(self) -> str:
        found: str = self.service["id"]
        return found

    def seen(self) -> dict[str, object]:
        """All that callers go by: it is the same behind each restart."""
        status = control.status(self.data)
        with closing(DataPlane(status)) as plane:
            service, keys = plane.service(self.id), plane.keys(self.id)
        host, _, port = str(status.dns).rpartition(":")
        answer = dns.query.udp(dns.message.make_query(f"www.{_ZONE}", "A"), host, port=int(port), timeout=20)
        return {
            "status": {name: getattr(status, name) for name in _TOLD},
            "service": service,
            "keys": keys,
            "certificate": leaf(endpoint(self.service)),
            "answer": self._answer(keys[0]),
            "record": [one.to_text() for one in answer.answer[0]],
            "blob": self._blobs().get_blob_client("kept", "a").download_blob().readall(),
            "secret": status.client_secret_file.read_text(),
            "roots": status.ca.read_bytes(),
        }

    def _answer(self, key: str) -> bytes:
        with scoring_parts.channel(endpoint(self.service), self.root) as opened:
            photo = scoring_parts.photo_request()
            return scoring_parts.predict(opened, photo, key).SerializeToString(deterministic=True)

    def make(self) -> None:
        """Makes the record and the blob."""
        caller = ArmCaller(control.status(self.data))
        group = f"{caller.subscription}/resourceGroups/upgraded"
        zone = f"{group}/providers/Microsoft.Network/dnsZones/{_ZONE}"
        storage = f"{group}/providers/Microsoft.Storage/storageAccounts/{_STORAGE}"
        record = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.7"}]}}
        account = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        for path, body in {
            group: {"location": "eastus2"},
            zone: {"location": "global"},
            f"{zone}/A/www": record,
            storage: account,
            f"{storage}/blobServices/default/containers/kept": {},
        }.items():
            answer = caller("PUT", path, body)
            assert answer.ok, answer.text
        caller.close()
        self._blobs().get_blob_client("kept", "a").upload_blob(b"kept", overwrite=True)

    def _blobs(self) -> Any:
        status = control.status(self.data)
        caller = ArmCaller(status)
        path = f"{caller.subscription}/resourceGroups/upgraded/providers/Microsoft.Storage/storageAccounts"
        keys = caller("POST", f"{path}/{_STORAGE}/listKeys").json()["keys"]
        caller.close()
        return BlobServiceClient(
            f"{status.blob}/{_STORAGE}", credential=keys[0]["value"], connection_verify=str(status.ca)
        )

    @contextmanager
    def load(self) -> Iterator[Tally]:
        """Calls of the service and of the HTTPS APIs inside the block, all the time."""
        status = control.status(self.data)
        with closing(ArmCaller(status)) as caller, closing(DataPlane(status)) as plane:
            token, (key, _) = caller.token(), plane.keys(self.id)
        subscription = f"{status.https}/subscriptions/{status.subscription}"
        query = {"api-version": "2021-04-01"}
        photo = scoring_parts.photo_request().SerializeToString()
        target = f"{self.service['ipAddress']}:{self.service['port']}"

        def get(pipeline: Pipeline) -> Callable[[], object]:
            return lambda: repeated(lambda: pipeline.send("GET", subscription, query=query), ConnectionFailed)

        def put(pipeline: Pipeline, number: int) -> Callable[[], object]:
            group = f"{subscription}/resourceGroups/load{number}"
            return lambda: repeated(
                lambda: pipeline.send("PUT", group, query=query, body={"location": "eastus2"}),
                ConnectionFailed,
            )

        with ExitStack() as stack:
            pipelines = [Pipeline(lambda: token, verify=str(status.ca)) for _ in range(HTTPS_CALLERS)]
            for one in pipelines:
                stack.callback(one.close)
            name = scoring_parts.SERVER_NAME
            scored = stack.enter_context(scoring(target, self.root, name, key, photo, SCORING_CALLERS))
            asked = [get(one) if number % 2 else put(one, number) for number, one in enumerate(pipelines)]
            over_http = [self._over_http(stack, key) for _ in range(HTTP_CALLERS)]
            yield stack.enter_context(calling(*scored, *over_http, *asked))

    def _over_http(self, stack: ExitStack, key: str) -> Callable[[], object]:
        caller = HttpCaller(self.service["ipAddress"], self.root, key)
        stack.callback(caller.close)
        return lambda: repeated(caller.predict, OSError, http.client.HTTPException, NotYet)


class NotYet(Exception):
    """A service says that it is to be asked later."""


class HttpCaller:
    """A caller of a service over HTTP and TLS, on a connection that is kept as long as it lasts."""

    def __init__(self, address: str, root: bytes, key: str) -> None:
        self._address, self._key = address, key
        self._context = client_context(cadata=root.decode())
        image = base64.b64encode(scoring_parts.PHOTO.read_bytes()).decode()
        self._body = json.dumps({"instances": [{"b64": image}]})
        self._kept: http.client.HTTPSConnection | None = None

    def predict(self) -> None:
        """One call.

        Raises:
            NotYet: 503.
            OSError, http.client.HTTPException: no answer came.
        """
        if self._kept is None:
            self._kept = self._connected()
        try:
            self._kept.request("POST", "/v1/models/m:predict", self._body, {"Authorization": self._key})
            answer = self._kept.getresponse()
            told, is_last = answer.read(), answer.will_close
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if is_last:
            self.close()
        if answer.status == 503:
            raise NotYet
        assert answer.status == 200, f"HTTP {answer.status}: {told!r}"

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def _connected(self) -> http.client.HTTPSConnection:
        name = scoring_parts.SERVER_NAME
        opened = http.client.HTTPSConnection(name, context=self._context)
        with ExitStack() as undone:
            raw = undone.enter_context(socket.create_connection((self._address, HTTP_PORT), PATIENCE_S))
            opened.sock = self._context.wrap_socket(raw, server_hostname=name)
            undone.pop_all()
        return opened


def deployed(data: Path) -> Served:
    """The localcloud that runs on a data folder, with a service of the built-in model, record and blob."""
    authority = Authority()
    with closing(DataPlane(control.status(data))) as plane, PackageHost().running() as host:
        plane.make_account()
        model = plane.register(host.put("/model.zip", scoring_parts.package()))
        service = plane.deploy(model, **on(authority))
    served = Served(data, service, authority.root)
    served.make()
    return served
