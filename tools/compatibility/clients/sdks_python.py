"""Microsoft's SDKs for Python of today: azure-identity, azure-mgmt-*, azure-storage-blob."""

import datetime

from azure.core.exceptions import ResourceNotFoundError
from azure.identity import ClientSecretCredential, DeviceCodeCredential
from azure.mgmt.dns import DnsManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.storage import StorageManagementClient
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas
from steps import run, step

SCOPE = "https://management.core.windows.net//.default"
GROUP = "of-python"


def client(kind, given, state):
    return kind(
        state["credential"],
        given["subscription"],
        base_url=given["host"],
        credential_scopes=[SCOPE],
        connection_verify=given["ca"],
    )


def blobs(given, state):
    return BlobServiceClient(
        "https://" + state["account"] + ".blob.core.windows.net",
        credential=state["key"],
        connection_verify=given["ca"],
        retry_total=0,
    )


@step("a client signs in with its secret")
def secret(given, state):
    state["account"] = given["names"][0]
    state["credential"] = ClientSecretCredential(
        given["tenant"],
        given["client_id"],
        given["secret"],
        authority=given["host"],
        disable_instance_discovery=True,
        connection_verify=given["ca"],
    )
    assert state["credential"].get_token(SCOPE).token


@step("a person signs in by a device code")
def device(given, state):
    import requests

    def prompt(address, code, _until):
        form = {"user_code": code, "client_id": given["client_id"], "client_secret": given["secret"]}
        assert requests.post(address, data=form, verify=given["ca"]).status_code == 200

    credential = DeviceCodeCredential(
        tenant_id=given["tenant"],
        authority=given["host"],
        disable_instance_discovery=True,
        prompt_callback=prompt,
        connection_verify=given["ca"],
    )
    assert credential.get_token(SCOPE).token


@step("a group is made, read and listed")
def group(given, state):
    groups = client(ResourceManagementClient, given, state).resource_groups
    groups.create_or_update(GROUP, {"location": "eastus2"})
    assert groups.get(GROUP).name == GROUP
    assert GROUP in [one.name for one in groups.list()]


@step("a Model Management account is made as a generic resource")
def generic(given, state):
    resources = client(ResourceManagementClient, given, state).resources
    body = {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}}
    made = resources.begin_create_or_update(
        GROUP,
        "Microsoft.MachineLearningModelManagement",
        "",
        "accounts",
        "account",
        "2017-09-01-preview",
        body,
    ).result()
    assert made.properties["modelManagementSwaggerLocation"].startswith(given["host"])


@step("a zone and a record set are made and read")
def zone(given, state):
    dns = client(DnsManagementClient, given, state)
    dns.zones.create_or_update(GROUP, "python.contoso.test", {"location": "global"})
    record = {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.1"}]}
    dns.record_sets.create_or_update(GROUP, "python.contoso.test", "www", "A", {"properties": record})
    assert dns.record_sets.get(GROUP, "python.contoso.test", "www", "A").name == "www"


@step("a storage account is made, its keys are read")
def storage(given, state):
    accounts = client(StorageManagementClient, given, state).storage_accounts
    body = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    accounts.begin_create(GROUP, state["account"], body).result()
    state["key"] = accounts.list_keys(GROUP, state["account"])["keys"][0]["value"]


@step("a container and a blob are made at `ACCOUNT.blob.core.windows.net`")
def uploaded(given, state):
    with blobs(given, state) as service:
        service.create_container("models")
        service.get_blob_client("models", "a blob").upload_blob(b"content")
        assert [one.name for one in service.get_container_client("models").list_blobs()] == ["a blob"]
        assert service.get_blob_client("models", "a blob").download_blob().readall() == b"content"


@step("a shared access signature reads the blob")
def signature(given, state):
    from azure.storage.blob import BlobClient

    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    token = generate_blob_sas(
        state["account"],
        "models",
        "a blob",
        account_key=state["key"],
        permission=BlobSasPermissions(read=True),
        expiry=later,
    )
    with blobs(given, state) as service:
        url = service.get_blob_client("models", "a blob").url + "?" + token
    with BlobClient.from_blob_url(url, connection_verify=given["ca"]) as blob:
        assert blob.download_blob().readall() == b"content"


@step("a group is deleted with all that is in it")
def deleted(given, state):
    groups = client(ResourceManagementClient, given, state).resource_groups
    groups.begin_delete(GROUP).result()
    try:
        groups.get(GROUP)
    except ResourceNotFoundError as error:
        assert error.error.code == "ResourceGroupNotFound"
    else:
        raise AssertionError("it is there")


run()
