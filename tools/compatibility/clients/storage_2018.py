"""azure-storage of 2018: accounts by name, at the suffix that it puts behind them by itself."""

import datetime
import ssl  # noqa: F401 - before requests, which wants it

import requests
from azure.common import AzureConflictHttpError, AzureException
from azure.storage.blob import BlobPermissions, BlockBlobService
from steps import run, step


def service(given, **options):
    made = BlockBlobService(account_name=given["account"], account_key=given["key"], **options)
    made.request_session = session = requests.Session()
    session.trust_env = False
    session.verify = given["ca"]
    return made


@step("a container is made, and made again without an error")
def container(given, state):
    state["service"] = service(given)
    assert state["service"].primary_endpoint == given["account"] + ".blob.core.windows.net"
    assert state["service"].create_container("models")
    assert not state["service"].create_container("models")


@step("the container of that name is there already (409)")
def conflict(given, state):
    try:
        state["service"].create_container("models", fail_on_exist=True)
    except AzureConflictHttpError as error:
        assert "ContainerAlreadyExists" in str(error)
    else:
        raise AssertionError("it was made twice")


@step("a blob is uploaded in one piece and read again")
def whole(given, state):
    state["service"].create_blob_from_bytes("models", "a model", b"content")
    assert state["service"].get_blob_to_bytes("models", "a model").content == b"content"


@step("a blob is uploaded in blocks and read again")
def blocks(given, state):
    parts = service(given)
    parts.MAX_SINGLE_PUT_SIZE = parts.MAX_BLOCK_SIZE = 64 * 1024
    content = bytes(range(256)) * 1024
    parts.create_blob_from_bytes("models", "large", content)
    assert parts.get_blob_to_bytes("models", "large").content == content


@step("blobs are listed by prefix, and have properties and metadata")
def listed(given, state):
    state["service"].set_blob_metadata("models", "large", {"of": "2018"})
    names = [blob.name for blob in state["service"].list_blobs("models", prefix="la")]
    assert names == ["large"], names
    found = state["service"].get_blob_properties("models", "large")
    assert (found.properties.content_length, found.metadata) == (256 * 1024, {"of": "2018"})


@step("a shared access signature of five years reads its blob, and no other")
def signature(given, state):
    later = datetime.datetime.utcnow() + datetime.timedelta(days=5 * 365)
    token = state["service"].generate_blob_shared_access_signature(
        "models", "large", permission=BlobPermissions.READ, expiry=later
    )
    with requests.Session() as session:
        session.trust_env = False
        session.verify = given["ca"]
        url = state["service"].make_blob_url("models", "large", sas_token=token)
        assert session.get(url).status_code == 200
        assert session.get(url.replace("large", "a%20model")).status_code == 403


@step("a model's package is registered by such an address")
def registered(given, state):
    state["service"].create_blob_from_path("models", "package", given["package"])
    later = datetime.datetime.utcnow() + datetime.timedelta(days=5 * 365)
    token = state["service"].generate_blob_shared_access_signature(
        "models", "package", permission=BlobPermissions.READ, expiry=later
    )
    url = state["service"].make_blob_url("models", "package", sas_token=token)
    assert url.startswith("https://" + given["account"] + ".blob.core.windows.net/")
    body = {"name": "model", "mimeType": "application/zip", "url": url, "unpack": False}
    answer = requests.post(
        given["models"], json=body, headers={"Authorization": "Bearer " + given["token"]}, verify=given["ca"]
    )
    assert answer.status_code == 200, answer.text


@step("a wrong key is refused (403)")
def refused(given, state):
    other = service(dict(given, key="AAAA" + given["key"][4:]))
    other.retry = lambda context: None
    try:
        other.create_container("others")
    except AzureException as error:
        assert "AuthorizationFailure" in str(error)
    else:
        raise AssertionError("it was taken")


@step("blob and container are deleted")
def deleted(given, state):
    state["service"].delete_blob("models", "large")
    assert not state["service"].exists("models", "large")
    assert state["service"].delete_container("models")


run()
