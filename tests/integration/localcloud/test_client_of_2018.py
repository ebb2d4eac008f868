"""The client of 2018, request by request: its storage account, its signatures, its polls.

Every request is spelled out here as that client sends it; no library of today stands in between.
Sources: Azure Storage, "Authorize with Shared Key" and "Create a service SAS", version 2017-04-17.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import closing
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from localcloud.http.deadlines import Deadline, DeadlineAdapter
from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import (
    API_VERSION,
    FPGA,
    PROVIDER,
    DataPlane,
    PackageHost,
    account_name,
    endpoint,
    on,
    opens,
    refusal,
)
from tests.support.waiting import wait_until

STORAGE_VERSION = "2017-04-17"
ARM_STORAGE_VERSION = "2017-10-01"
BLOCK_BYTES = 4 * 1024 * 1024


class SharedKeyCaller:
    """One storage account, its requests signed with its key."""

    def __init__(self, endpoint: str, account: str, key: str, ca: str) -> None:
        self.endpoint, self._account = endpoint.rstrip("/"), account
        self._key = base64.b64decode(key)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca

    def close(self) -> None:
        self._session.close()

    def mount(self, adapter: HTTPAdapter) -> None:
        """Has requests go by an adapter."""
        self._session.mount("https://", adapter)

    def sign(self, text: str) -> str:
        return base64.b64encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest()).decode()

    def __call__(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """One request; `path` is quoted already, and may have a query."""
        address = f"{self.endpoint}/{path}"
        sent = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": STORAGE_VERSION} | dict(headers or {})
        parts = urlsplit(address)
        lines = [method, "", "", str(len(content) or ""), "", sent.get("Content-Type", ""), *[""] * 6]
        lines += [f"{name}:{sent[name]}" for name in sorted(sent) if name.startswith("x-ms-")]
        lines += [f"/{self._account}{parts.path}"]
        lines += [f"{name}:{value}" for name, value in sorted(parse_qsl(parts.query))]
        signed = f"SharedKey {self._account}:{self.sign(chr(10).join(lines))}"
        return self._session.request(
            method, address, data=content, headers=sent | {"Authorization": signed}, timeout=30
        )

    def anonymously(self, address: str) -> requests.Response:
        return self._session.get(address, timeout=30)

    def read_signature(self, container: str, blob: str, expiry: str) -> str:
        """A shared access signature as the client of 2018 makes it: thirteen lines are signed."""
        fields = {"sp": "r", "se": expiry, "sv": STORAGE_VERSION}
        lines = ["r", "", expiry, f"/blob/{self._account}/{container}/{blob}", "", "", "", STORAGE_VERSION]
        return urlencode(fields | {"sr": "b", "sig": self.sign("\n".join(lines + [""] * 5))})


@pytest.fixture
def plane(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(request.node.name))
        account_id = plane.account_id
        yield plane
        plane.arm("DELETE", account_id)


@pytest.fixture(params=["by its path", "by its name"])
def storage(plane: DataPlane, cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[SharedKeyCaller]:
    """The storage account that register_model makes for itself, with its container; that client knows it by
    its name.
    """
    seed = f"{plane.subscription}_group_{plane.account_id.rpartition('/')[2]}_eastus2"
    name = f"fpga{hashlib.md5(seed.encode(), usedforsecurity=False).hexdigest()}"[:24]
    path = (
        f"{plane.account_id.partition('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts/{name}"
    )

    def arm(method: str, below: str = "", body: object = None) -> requests.Response:
        return plane.call(method, f"{plane.host}{path}{below}", body, **{"api-version": ARM_STORAGE_VERSION})

    assert refusal(arm("GET"))[:2] == (404, "ResourceNotFound")
    body = {"location": "eastus2", "kind": "Storage", "sku": {"name": "Standard_RAGRS"}}
    made = arm("PUT", "", body)
    assert (made.status_code, made.json()["properties"]["provisioningState"]) == (200, "Succeeded")
    keys = {key["keyName"]: key["value"] for key in arm("POST", "/listKeys").json()["keys"]}
    blob_endpoint = made.json()["properties"]["primaryEndpoints"]["blob"]
    if request.param == "by its name":
        blob_endpoint = f"https://{name}.blob.core.windows.net"
    port = urlsplit(str(cloud.status().blob)).port
    with (
        Deadline(120.0) as deadline,
        closing(SharedKeyCaller(blob_endpoint, name, keys["key1"], str(cloud.status().ca))) as caller,
    ):
        # as a resolver that asks localcloud's name server has it
        caller.mount(DeadlineAdapter(deadline, ["127.0.0.1"], port))
        assert caller("PUT", "models?restype=container").status_code == 201
        again = caller("PUT", "models?restype=container")
        assert (again.status_code, again.headers["x-ms-error-code"]) == (409, "ContainerAlreadyExists")
        yield caller
    arm("DELETE")


def in_five_years() -> str:
    """As that client writes it."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=5 * 365)
    return later.strftime("%Y-%m-%dT%H:%M:%SZ")


def upload_in_blocks(storage: SharedKeyCaller, path: str, content: bytes) -> None:
    """Put Block for each part, then Put Block List."""
    names: list[str] = []
    for start in range(0, len(content), BLOCK_BYTES):
        names.append(base64.b64encode(f"{len(names):048d}".encode()).decode())
        part = content[start : start + BLOCK_BYTES]
        query = urlencode({"comp": "block", "blockid": names[-1]})
        assert storage("PUT", f"{path}?{query}", part).status_code == 201
    listed = "".join(f"<Latest>{name}</Latest>" for name in names)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
    assert storage("PUT", f"{path}?comp=blocklist", body).status_code == 201


def test_a_model_is_uploaded_in_one_piece_and_registered_by_its_address(
    plane: DataPlane, storage: SharedKeyCaller
) -> None:
    content = scoring_parts.package()
    blob = f"model_{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
    put = storage("PUT", f"models/{blob}", content, {"x-ms-blob-type": "BlockBlob"})
    assert put.status_code == 201
    signature = storage.read_signature("models", blob, in_five_years())
    address = f"{storage.endpoint}/models/{blob}?{signature}"
    assert storage.anonymously(address).content == content
    assert storage.anonymously(address.replace("sig=", "sig=A")).status_code == 403
    plane.register(address)
    over = storage.read_signature("models", blob, "2019-01-09T00:00:00Z")
    body = {"name": "model", "mimeType": "application/zip", "unpack": False}
    refused = plane.call("POST", "models", body | {"url": f"{storage.endpoint}/models/{blob}?{over}"})
    assert refusal(refused) == (
        400,
        "PackageNotFetched",
        f"The package at {storage.endpoint}/models/{blob} was refused with 403 AuthorizationFailure. "
        "Give the address of a blob that is there, with a shared access signature that may read it and has "
        "not expired.",
    )


def test_the_whole_flow(plane: DataPlane, storage: SharedKeyCaller) -> None:
    # A name with a space: the blob's own name has it quoted, and the address that is signed quotes no more.
    content = scoring_parts.package()
    blob = quote(f"my model_{hashlib.md5(content, usedforsecurity=False).hexdigest()}")
    upload_in_blocks(storage, f"models/{quote(blob)}", content)
    signature = storage.read_signature("models", blob, in_five_years())
    body = {"name": "my model", "mimeType": "application/zip", "unpack": False}
    model = plane.call("POST", "models", body | {"url": f"{storage.endpoint}/models/{blob}?{signature}"})
    assert model.status_code == 200, model.text
    model_id = model.json()["id"]
    models = plane.call("GET", "models").json()
    assert [one["id"] for one in models["value"]] == [model_id]
    assert "nextLink" not in models, "null would end that client"

    root = Authority()
    pair = on(root)
    keys = {"primaryKey": "mine", "secondaryKey": None}
    service = FPGA | pair | {"modelId": model_id, "name": "svc", "keys": keys}
    accepted = plane.call("POST", "services", service)
    assert accepted.status_code == 202
    operation = poll(plane, accepted)
    assert operation["state"] == "Succeeded"
    made = plane.call("GET", operation["resourceLocation"]).json()
    assert (made["name"], made["state"], made["modelId"]) == ("svc", "Succeeded", model_id)
    assert opens(endpoint(made), root.root, "mine")

    listed = plane.call("GET", "services", serviceName="svc").json()
    assert [one["id"] for one in listed["value"]] == [made["id"]]
    assert "nextLink" not in listed
    keys = plane.call("GET", f"services/{made['id']}/keys").json()
    assert keys["primaryKey"] == "mine"
    assert len(base64.b64decode(keys["secondaryKey"])) == 32

    empty = plane.call("POST", f"services/{made['id']}/regenerateKeys")
    assert empty.request.headers["Content-Length"] == "0"
    assert empty.json().keys() == {"primaryKey", "secondaryKey"}
    assert set(empty.json().values()).isdisjoint(keys.values())
    assert not opens(endpoint(made), root.root, "mine")
    assert opens(endpoint(made), root.root, empty.json()["secondaryKey"])
    one = plane.call("POST", f"services/{made['id']}/regenerateKeys", {"keyType": "Primary"}).json()
    assert one["secondaryKey"] == empty.json()["secondaryKey"]
    assert one["primaryKey"] != empty.json()["primaryKey"]

    off = FPGA | {"modelId": model_id, "sslEnabled": False, "sslCertificate": "", "sslKey": ""}
    assert poll(plane, plane.call("PUT", f"services/{made['id']}", off))["state"] == "Succeeded"
    assert opens(endpoint(made), None, None)

    deleted = plane.call("DELETE", f"services/{made['id']}")
    assert deleted.status_code == 202
    assert poll(plane, deleted)["state"] == "Succeeded"
    assert plane.call("GET", "services").json() == {"value": []}
    assert plane.call("DELETE", f"models/{model_id}").status_code == 200


def poll(plane: DataPlane, accepted: requests.Response) -> dict[str, Any]:
    """Asks for the operation as that client does, which dies of each thing that is checked here."""
    assert accepted.headers["x-ms-client-request-id"]
    location = accepted.headers["Operation-Location"]
    assert location.startswith("/api/")
    assert "?" not in location
    documents: list[dict[str, Any]] = []

    def ended() -> bool:
        answer = plane.follow(f"{plane.host}{location}?api-version={API_VERSION}")
        assert answer.status_code == 200
        documents.append(answer.json())
        assert documents[-1]["resourceLocation"].startswith("/api/")
        assert "error" not in documents[-1] or documents[-1]["error"]["details"] is not None
        return documents[-1]["state"] in ("Succeeded", "Failed")

    wait_until(ended)
    return documents[-1]


def test_a_group_whose_name_no_header_takes(plane: DataPlane) -> None:
    """Azure's groups may have letters of any script in their names; an Operation-Location may not."""
    name = "gr\u00f6\u00dfe-\u0433\u0440"
    group = f"/subscriptions/{plane.subscription}/resourceGroups/{name}"
    account = f"{group}/providers/{PROVIDER}/accounts/acc"
    plane.arm("PUT", group, {"location": "eastus2"})
    plane.arm("PUT", account, {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}})
    shown = plane.arm("GET", account).json()
    assert shown["id"] == account
    swagger = shown["properties"]["modelManagementSwaggerLocation"]
    assert swagger.startswith(f"{plane.host}/api/subscriptions/{plane.subscription}/resourceGroups/gr%C3%B6")
    plane.use_account("acc", name)
    with PackageHost().running() as packages:
        model_id = plane.register(packages.put("/m.zip", scoring_parts.package()))
    accepted = plane.call("POST", "services", FPGA | {"modelId": model_id, "name": "svc"})
    assert accepted.status_code == 202
    operation = poll(plane, accepted)
    assert plane.call("GET", operation["resourceLocation"]).json()["state"] == "Succeeded"
    plane.arm("DELETE", group)
