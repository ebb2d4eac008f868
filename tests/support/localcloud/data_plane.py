"""A localcloud with a Model Management account, raw requests to its data plane, and a host for packages."""

from __future__ import annotations

import base64
import hashlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import requests

from localcloud import control
from localcloud.scoring.addresses import Endpoint
from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support.certificates.authority import Authority
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.parts import PACKAGE_HOSTS, built_model
from tests.support.localcloud.scoring_parts import channel, photo_request, predict, tls_material
from tests.support.servers import http_server
from tests.support.waiting import wait_until

API_VERSION = "2018-04-01-preview"
PROVIDER = "Microsoft.MachineLearningModelManagement"
FPGA = {"computeType": "FPGA", "numReplicas": 1}
OFF = {"sslEnabled": False, "sslCertificate": "", "sslKey": ""}


class PackageHost:
    """Serves packages over http on loopback, whatever the query, as blob storage does with a signature.

    `files` maps paths to contents; `answers` maps paths to a status and headers.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, dict[str, str]]] = {}
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[PackageHost]:
        """Serves meanwhile."""
        host = self

        class Handler(http_server.Handler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                content = host.files.get(path, b"")
                status, headers = host.answers.get(path, (200 if path in host.files else 404, {}))
                digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
                self.answer(status, content, {"Content-MD5": digest} | headers)

        with http_server.serving(Handler) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self

    def put(self, path: str, content: bytes) -> str:
        """Serves a file; returns its address, signature and all."""
        self.files[path] = content
        return f"{self.url}{path}?sv=2017-04-17&sig=s3cret"


class DataPlane:
    """One account of a running localcloud. Bodies and answers are as they are on the wire."""

    def __init__(self, status: Status) -> None:
        self.host = str(status.https)
        self.subscription = status.subscription
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(status.ca)
        # the 2018 client says so on GET and DELETE too
        self._session.headers["Content-Type"] = "application/json"
        self._session.headers["Authorization"] = f"Bearer {_token(status)}"
        self.use_account("account")

    def close(self) -> None:
        self._session.close()

    def use_account(self, name: str, group: str = "group") -> None:
        """From now on paths are below this account."""
        self.account = f"/api/subscriptions/{self.subscription}/resourcegroups/{group}/accounts/{name}"
        self.account_id = (
            f"/subscriptions/{self.subscription}/resourceGroups/{group}/providers/{PROVIDER}/accounts/{name}"
        )

    def make_account(self, name: str = "account", sku: str = "S1", capacity: int = 16) -> None:
        """Makes a group and an account, and uses it."""
        self.use_account(name)
        group = self.account_id.partition("/providers/")[0]
        self.arm("PUT", group, {"location": "eastus2"})
        self.arm("POST", f"/subscriptions/{self.subscription}/providers/{PROVIDER}/register")
        self.arm(
            "PUT",
            self.account_id,
            {"location": "eastus2", "sku": {"name": sku, "capacity": capacity}},
        )

    def arm(self, method: str, path: str, body: object = None) -> requests.Response:
        """A call of Resource Manager that must succeed."""
        answer = self._session.request(method, f"{self.host}{path}?api-version=2017-09-01-preview", json=body)
        assert answer.ok, answer.text
        return answer

    def call(self, method: str, path: str, body: object = None, **query: str) -> requests.Response:
        """A call of the data plane: `path` below the account, or absolute."""
        address = path if path.startswith(("/api/", "https://")) else f"{self.account}/{path}"
        if address.startswith("/"):
            address = self.host + address
        return self._session.request(
            method, address, json=body, params={"api-version": API_VERSION, **query}, timeout=30
        )

    def anonymously(self, method: str, path: str) -> requests.Response:
        """A call without a token."""
        return requests.request(
            method,
            f"{self.host}{self.account}/{path}",
            params={"api-version": API_VERSION},
            verify=str(self._session.verify),
            timeout=30,
        )

    def follow(self, link: str) -> requests.Response:
        """GETs an address as it is."""
        return self._session.get(link, timeout=30)

    def finish(self, accepted: requests.Response) -> dict[str, Any]:
        """What became of what was accepted: the operation's document when it has ended."""
        assert accepted.status_code == 202, accepted.text
        location = accepted.headers["Operation-Location"]
        documents: list[dict[str, Any]] = []

        def ended() -> bool:
            documents.append(self.call("GET", location).json())
            return documents[-1]["state"] in ("Succeeded", "Failed")

        wait_until(ended)
        return documents[-1]

    def register(self, url: str, name: str = "model") -> str:
        """Registers a model that must be taken; returns its ID."""
        body = {"name": name, "mimeType": "application/zip", "url": url, "unpack": False}
        answer = self.call("POST", "models", body)
        assert answer.status_code == 200, answer.text
        model_id: str = answer.json()["id"]
        return model_id

    def deploy(self, model_id: str, name: str = "service", **settings: Any) -> dict[str, Any]:
        """Creates a service that must succeed; returns its document."""
        accepted = self.call("POST", "services", FPGA | OFF | {"modelId": model_id, "name": name} | settings)
        operation = self.finish(accepted)
        assert operation["state"] == "Succeeded", operation
        service: dict[str, Any] = self.call("GET", operation["resourceLocation"]).json()
        return service

    def update(self, service_id: str, model_id: str, **settings: Any) -> dict[str, Any]:
        """Updates a service; returns the operation's document."""
        body = FPGA | {"modelId": model_id} | settings
        return self.finish(self.call("PUT", f"services/{service_id}", body))

    def service(self, service_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"services/{service_id}")
        assert answer.status_code == 200, answer.text
        service: dict[str, Any] = answer.json()
        return service

    def keys(self, service_id: str) -> tuple[str, str]:
        keys = self.call("GET", f"services/{service_id}/keys").json()
        return keys["primaryKey"], keys["secondaryKey"]


def _token(status: Status) -> str:
    with closing(ArmCaller(status)) as caller:
        return caller.token()


def settings(data: Path) -> Settings:
    """A localcloud without blob storage, whose services are far from those of one that may run."""
    return Settings(
        data=data,
        featurizers=built_model().featurizers,
        scoring_network="127.91.0.0/16",
        package_hosts=PACKAGE_HOSTS,
    )


@contextmanager
def running(data: Path, **given: Any) -> Iterator[DataPlane]:
    """A localcloud in this process, for as long as the context lasts, and other settings where given."""
    with Cloud(replace(settings(data), **given)) as cloud:
        plane = DataPlane(cloud.status())
        try:
            yield plane
        finally:
            plane.close()


@contextmanager
def serving(
    data: Path, program: str | None = None, *options: str, python: str = sys.executable
) -> Iterator[tuple[DataPlane, subprocess.Popen[str]]]:
    """A localcloud in a process of its own, that a test may kill.

    Args:
        program: in the place of localcloud's own main module.
        options: more of them.
        python: what runs it.
    """
    wanted = settings(data)
    command = [python, *(("-c", program) if program else ("-m", "localcloud"))]
    command += ["serve", "--data", str(data)]
    command += ["--featurizers", str(wanted.featurizers), "--scoring-network", wanted.scoring_network]
    command += [*(f"--package-host={host}" for host in PACKAGE_HOSTS), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("localcloud is ready at https://127.0.0.1:")
            plane = DataPlane(control.status(data))
            try:
                yield plane, process
            finally:
                plane.close()
        finally:
            process.terminate()


def account_name(test: str) -> str:
    """An account's name that is a test's own."""
    return f"t{hashlib.sha256(test.encode()).hexdigest()[:20]}"


def endpoint(service: dict[str, Any]) -> Endpoint:
    return Endpoint(service["ipAddress"], service["port"])


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    """Status, code and message of a refused call."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def on(authority: Authority) -> dict[str, Any]:
    """The settings of SSL, on with a new certificate."""
    issued = tls_material(authority)
    return {
        "sslEnabled": True,
        "sslCertificate": issued.certificate_pem.decode(),
        "sslKey": issued.key_pem.decode(),
    }


def opens(where: Endpoint, root: bytes | None, key: str | None) -> bool:
    """Whether a call with that key is answered; False: UNAUTHENTICATED."""
    with channel(where, root) as opened:
        try:
            answer = predict(opened, photo_request(), key)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            return False
    assert "output_alias" in answer.outputs
    return True


def leaf(where: Endpoint) -> str:
    """The certificate that a service shows, PEM."""
    return ssl.get_server_certificate(where)
