"""Storage accounts and containers, with the real blob service behind them."""

from __future__ import annotations

import base64
import datetime
import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
)

from localcloud.arm.storage.blobs import Blobs
from localcloud.errors import CloudError
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud.arm_caller import ArmCaller, refusal

BODY = {
    "location": "East US 2",
    "sku": {"name": "Standard_RAGRS"},
    "kind": "Storage",
    "tags": {"a": "b"},
    "properties": {"minimumTlsVersion": "TLS1_2"},
}


class Account:
    """A storage account of its own."""

    def __init__(self, arm: ArmCaller, group: str) -> None:
        self.arm = arm
        self.name = f"st{uuid.uuid4().hex[:12]}"
        self.path = f"{group}/providers/Microsoft.Storage/storageAccounts/{self.name}"
        self.containers = f"{self.path}/blobServices/default/containers"

    def keys(self) -> dict[str, str]:
        found = self.arm("POST", f"{self.path}/listKeys").json()["keys"]
        return {key["keyName"]: key["value"] for key in found}

    def client(self, key: str) -> BlobServiceClient:
        endpoint = self.arm("GET", self.path).json()["properties"]["primaryEndpoints"]["blob"]
        assert endpoint == f"{self.arm.status.blob}/{self.name}/"
        return BlobServiceClient(
            endpoint.rstrip("/"), credential=key, connection_verify=str(self.arm.status.ca), retry_total=0
        )


@pytest.fixture
def account(arm: ArmCaller, group: str) -> Account:
    made = Account(arm, group)
    assert arm("PUT", made.path, BODY).status_code == 200
    return made


def test_account_verbs(account: Account) -> None:
    arm = account.arm
    body: dict[str, Any] = arm("GET", account.path).json()
    assert (body["name"], body["kind"], body["location"]) == (account.name, "Storage", "eastus2")
    assert body["sku"] == {"name": "Standard_RAGRS", "tier": "Standard"}
    assert body["properties"]["minimumTlsVersion"] == "TLS1_2"
    assert body["properties"]["provisioningState"] == "Succeeded"
    keys = account.keys()
    assert [len(base64.b64decode(key)) for key in keys.values()] == [64, 64]
    assert arm("PUT", account.path, BODY | {"tags": {}}).json()["tags"] == {}
    patched = arm(
        "PATCH", account.path, {"kind": "StorageV2", "properties": {"allowBlobPublicAccess": False}}
    )
    assert patched.json()["kind"] == "StorageV2"
    assert patched.json()["properties"]["minimumTlsVersion"] == "TLS1_2"
    assert patched.json()["properties"]["allowBlobPublicAccess"] is False
    assert account.keys() == keys
    assert arm("DELETE", account.path).status_code == 200
    assert arm("DELETE", account.path).status_code == 204


def test_names_are_one_space_for_all_groups(account: Account, arm: ArmCaller) -> None:
    check = f"{arm.subscription}/providers/Microsoft.Storage/checkNameAvailability"
    taken = arm("POST", check, {"name": account.name, "type": "Microsoft.Storage/storageAccounts"}).json()
    assert (taken["nameAvailable"], taken["reason"]) == (False, "AlreadyExists")
    assert arm("POST", check, {"name": "Bad"}).json()["reason"] == "AccountNameInvalid"
    assert arm("POST", check, {"name": "free" + uuid.uuid4().hex[:8]}).json() == {"nameAvailable": True}
    other = f"{arm.subscription}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    arm("PUT", other, {"location": "eastus2"})
    try:
        path = f"{other}/providers/Microsoft.Storage/storageAccounts/{account.name}"
        assert refusal(arm("PUT", path, BODY)) == (
            409,
            "StorageAccountAlreadyTaken",
            f"The storage account named {account.name} is already taken.",
        )
    finally:
        arm("DELETE", other)


def test_container_verbs(account: Account) -> None:
    arm = account.arm
    path = f"{account.containers}/models"
    assert refusal(arm("GET", path))[:2] == (404, "ResourceNotFound")
    made = arm("PUT", path, {"properties": {"publicAccess": "Blob", "metadata": {"who": "test"}}})
    assert made.status_code == 201
    assert made.json()["id"] == path
    assert made.json()["properties"]["publicAccess"] == "Blob"
    assert made.json()["properties"]["metadata"] == {"who": "test"}
    assert made.headers["ETag"] == f'"{made.json()["etag"]}"'
    assert arm("PUT", path).status_code == 200
    patched = arm("PATCH", path, {"properties": {"publicAccess": "None"}}).json()
    assert patched["properties"]["publicAccess"] == "None"
    assert arm("GET", path).json() == patched
    assert [item["name"] for item in arm("GET", account.containers).json()["value"]] == ["models"]
    assert arm("DELETE", path).status_code == 200
    assert arm("DELETE", path).status_code == 204


def test_containers_are_the_blob_services_own(account: Account) -> None:
    with account.client(account.keys()["key1"]) as client:
        client.create_container("from-outside")
        assert account.arm("GET", f"{account.containers}/from-outside").status_code == 200
        account.arm("PUT", f"{account.containers}/from-inside", {})
        names = sorted(item.name for item in client.list_containers())
    assert names == ["from-inside", "from-outside"]


@pytest.mark.parametrize(
    ("name", "body", "code", "message"),
    [
        ("Up", {}, "InvalidResourceName", "The container name 'Up' is invalid"),
        ("a--b", {}, "InvalidResourceName", "single hyphens"),
        ("a" * 64, {}, "InvalidResourceName", "3 to 63"),
        (
            "good",
            {"properties": {"publicAccess": "All"}},
            "InvalidRequestPropertyValue",
            "None, Blob, Container",
        ),
        ("good", {"properties": {"metadata": {"1a": "b"}}}, "InvalidRequestPropertyValue", "identifiers"),
        (
            "good",
            {"properties": {"metadata": {"a": "b\r\nx-ms-lease-id: c"}}},
            "InvalidRequestPropertyValue",
            "printable ASCII",
        ),
        (
            "good",
            {"properties": {"metadata": {"a": "b" * 8192}}},
            "MetadataTooLarge",
            "1 names and 8203 bytes",
        ),
        ("good", {"properties": {"metadata": {"a": "1", "A": "2"}}}, "InvalidRequestPropertyValue", "twice"),
    ],
)
def test_refused_containers(account: Account, name: str, body: Any, code: str, message: str) -> None:
    answer = refusal(account.arm("PUT", f"{account.containers}/{name}", body))
    assert answer[:2] == (400, code)
    assert message in answer[2]


@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_name_that_no_container_has_is_refused_for_good(account: Account, verb: str) -> None:
    """A 503, as where the blob service does not answer, would have clients ask again and again."""
    answer = refusal(account.arm(verb, f"{account.containers}/No%20name", {}))
    assert answer[:2] == (400, "InvalidResourceName")


def test_what_the_blob_service_refuses_for_good_is_no_503(account: Account) -> None:
    status = account.arm.status
    nobody = cast(Any, None)  # it lists no accounts here
    blobs = Blobs(nobody, nobody, str(status.blob), status.ca, "127.0.0.1")
    with pytest.raises(CloudError) as refused:
        blobs.container(account.name, account.keys()["key1"], "No name")
    assert (refused.value.status, refused.value.code) == (400, "InvalidResourceName")
    assert refused.value.message == (
        "Blob storage refused this: The specified resource name contains invalid characters."
    )


def test_as_much_metadata_as_is_taken_is_kept(account: Account) -> None:
    metadata = {f"n{number}": "" for number in range(63)} | {"last": "x" * 7000}
    path = f"{account.containers}/full"
    kept = account.arm("PUT", path, {"properties": {"metadata": metadata}}).json()
    assert kept["properties"]["metadata"] == metadata
    assert account.arm("GET", path).json() == kept
    assert account.arm("GET", account.containers).json()["value"] == [kept]
    refused = account.arm("PUT", path, {"properties": {"metadata": metadata | {"more": ""}}})
    assert refusal(refused)[:2] == (400, "MetadataTooLarge")
    assert account.arm("GET", path).json() == kept


def test_a_regenerated_key_replaces_the_old_one(account: Account) -> None:
    before = account.keys()
    answer = account.arm("POST", f"{account.path}/regenerateKey", {"keyName": "key1"}).json()
    after = account.keys()
    assert {key["keyName"]: key["value"] for key in answer["keys"]} == after
    assert after["key1"] != before["key1"]
    assert after["key2"] == before["key2"]
    with account.client(after["key1"]) as client:
        client.create_container("new-key")
    with (
        account.client(before["key1"]) as client,
        pytest.raises(HttpResponseError, match="AuthorizationFailure"),
    ):
        client.create_container("old-key")
    refused = refusal(account.arm("POST", f"{account.path}/regenerateKey", {"keyName": "key3"}))
    assert refused == (400, "InvalidRequestPropertyValue", "The keyName must be one of key1, key2.")


def test_what_was_signed_with_a_key_of_before_is_refused(account: Account) -> None:
    signed = generate_account_sas(
        account.name,
        account.keys()["key1"],
        ResourceTypes(service=True),
        AccountSasPermissions(list=True),
        datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1),
    )
    with account.client(signed) as client:
        assert list(client.list_containers()) == []
        account.arm("POST", f"{account.path}/regenerateKey", {"keyName": "key1"})
        with pytest.raises(HttpResponseError, match="AuthorizationFailure") as refused:
            list(client.list_containers())
    assert refused.value.status_code == 403


def test_a_deleted_account_takes_its_blobs_along(account: Account) -> None:
    arm = account.arm
    arm("PUT", f"{account.containers}/models", {})
    with account.client(account.keys()["key1"]) as client:
        client.get_blob_client("models", "a").upload_blob(b"data")
    assert arm("DELETE", account.path).status_code == 200
    assert arm("PUT", account.path, BODY).status_code == 200
    assert arm("GET", account.containers).json() == {"value": []}


@pytest.fixture
def bare_cloud(cloud_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArmCaller]:
    """A localcloud without blob storage."""
    data = tmp_path_factory.mktemp("bare") / "data"
    with Cloud(Settings(data, cloud_settings.featurizers)) as running:
        caller = ArmCaller(running)
        yield caller
        caller.close()


def test_without_blob_storage_no_account_is_made(bare_cloud: ArmCaller) -> None:
    group = f"{bare_cloud.subscription}/resourceGroups/rg"
    bare_cloud("PUT", group, {"location": "eastus2"})
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/account"
    assert refusal(bare_cloud("PUT", path, BODY)) == (
        400,
        "BlobStorageNotAvailable",
        "This localcloud was started without blob storage: start it with --node and --azurite.",
    )
    assert refusal(bare_cloud("GET", f"{path}/blobServices/default/containers/c"))[0] == 404
    assert bare_cloud.status.blob is None
