"""Storage accounts by name, as Azure has them: `ACCOUNT.blob.SUFFIX`, beside the account in the path."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from localcloud.http.deadlines import Deadline, DeadlineAdapter
from localcloud.server import Cloud
from localcloud.settings import LOG
from surroundings.https import azure_transport
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.data_plane import DataPlane, refusal
from tests.support.localcloud.parts import settings

SUFFIXES = ("core.localhost", "core.windows.net")
SERVER_NAME = "cloud.contoso.test"


class Accounts:
    """The storage accounts of a localcloud: one of its own, and how to reach it by each name."""

    def __init__(self, cloud: Cloud, plane: DataPlane) -> None:
        self.cloud, self.plane = cloud, plane
        self.name = f"st{uuid.uuid4().hex[:12]}"
        group = plane.account_id.partition("/providers/")[0]
        self.path = f"{group}/providers/Microsoft.Storage/storageAccounts/{self.name}"
        body = {"location": "eastus2", "kind": "Storage", "sku": {"name": "Standard_RAGRS"}}
        plane.arm("PUT", self.path, body)
        self.key: str = plane.arm("POST", f"{self.path}/listKeys").json()["keys"][0]["value"]
        self.ca = str(cloud.status().ca)
        self.port = urlsplit(str(cloud.status().blob)).port

    @contextmanager
    def client(self, host: str, *, with_port: bool = True) -> Iterator[BlobServiceClient]:
        """A client of today at a name, which resolves to the blob service whatever this machine knows."""
        url = f"https://{host}:{self.port}" if with_port else f"https://{host}"
        with (
            Deadline(30.0) as deadline,
            BlobServiceClient(
                url,
                credential={"account_name": self.name, "account_key": self.key},
                transport=azure_transport(self.ca, DeadlineAdapter(deadline, ["127.0.0.1"], self.port)),
                retry_total=0,
            ) as client,
        ):
            yield client

    def signature(self, blob: str, **given: object) -> str:
        options: dict[str, object] = {
            "account_key": self.key,
            "permission": BlobSasPermissions(read=True),
            "expiry": datetime.now(UTC) + timedelta(hours=1),
        }
        return generate_blob_sas(self.name, "models", blob, **(options | given))  # type: ignore[arg-type]

    def resolve(self, name: str) -> dns.resolver.Answer:
        host, _, port = str(self.cloud.status().dns).rpartition(":")
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = [host], int(port), 5
        return resolver.resolve(name, "A")


@pytest.fixture
def accounts(cloud: Cloud) -> Iterator[Accounts]:
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(f"a{uuid.uuid4().hex[:8]}")
        made = Accounts(cloud, plane)
        yield made
        plane.arm("DELETE", made.path)


def test_an_account_is_used_by_its_name_as_by_its_path(accounts: Accounts) -> None:
    """Written by one name, read by each other, with the key: what is signed has the account once."""
    for suffix in SUFFIXES:
        with accounts.client(f"{accounts.name}.blob.{suffix}") as client:
            container = client.create_container(f"of-{suffix.replace('.', '-')}")
            container.upload_blob("a folder/a b.zip", suffix.encode())
    path_style = f"{accounts.cloud.status().blob}/{accounts.name}"
    with BlobServiceClient(path_style, accounts.key, connection_verify=accounts.ca) as client:
        for suffix in SUFFIXES:
            blob = client.get_blob_client(f"of-{suffix.replace('.', '-')}", "a folder/a b.zip")
            assert blob.download_blob().readall() == suffix.encode()


def test_a_copy_within_an_account_is_by_either_name(accounts: Accounts) -> None:
    host = f"{accounts.name}.blob.core.windows.net"
    with accounts.client(host) as client:
        client.create_container("models")
        client.get_blob_client("models", "first").upload_blob(b"content")
        for number, source in enumerate(
            (f"https://{host}", f"{accounts.cloud.status().blob}/{accounts.name}")
        ):
            copied = client.get_blob_client("models", f"copy-{number}")
            copied.start_copy_from_url(f"{source}/models/first")
            assert copied.download_blob().readall() == b"content"


def test_blobs_are_deleted_in_a_batch_by_either_name(accounts: Accounts) -> None:
    path_style = f"{accounts.cloud.status().blob}/{accounts.name}"
    with (
        accounts.client(f"{accounts.name}.blob.core.windows.net") as by_name,
        BlobServiceClient(path_style, accounts.key, connection_verify=accounts.ca) as by_path,
    ):
        by_path.create_container("models")
        for client in (by_name, by_path):
            container = client.get_container_client("models")
            for blob in ("one", "two"):
                container.upload_blob(blob, b"content")
            assert [answer.status_code for answer in container.delete_blobs("one", "two")] == [202, 202]
            assert list(container.list_blob_names()) == []


@pytest.mark.parametrize(
    ("host", "path", "code"),
    [
        ("nobodys.blob.core.windows.net", "/models/blob", "ResourceNotFound"),
        ("{0}.blob.core.windows.net", "/models/blob", "BlobNotFound"),
        ("{0}.BLOB.Core.Windows.Net", "/models/blob", "BlobNotFound"),
        ("{0}.blob.core.example", "/{0}/models/blob", "BlobNotFound"),
        ("nobodys.table.core.windows.net", "/{0}/models/blob", "BlobNotFound"),
    ],
)
def test_an_account_is_in_the_host_by_a_known_suffix_alone(
    accounts: Accounts, host: str, path: str, code: str
) -> None:
    with accounts.client(f"{accounts.name}.blob.core.windows.net") as client:
        client.create_container("models")
    with requests.Session() as session, Deadline(30.0) as deadline:
        session.trust_env = False
        session.mount("https://", DeadlineAdapter(deadline, ["127.0.0.1"], accounts.port))
        address = f"https://127.0.0.1{path.format(accounts.name)}?{accounts.signature('blob')}"
        answer = session.get(address, headers={"Host": host.format(accounts.name)}, verify=accounts.ca)
    assert (answer.status_code, answer.headers.get("x-ms-error-code", "ResourceNotFound")) == (404, code)
    assert f"<Code>{code}</Code>" in answer.text


def test_a_wrong_key_opens_no_account_by_name(accounts: Accounts) -> None:
    accounts.key = "AAAA" + accounts.key[4:]
    with (
        accounts.client(f"{accounts.name}.blob.core.windows.net") as client,
        pytest.raises(HttpResponseError) as refused,
    ):
        client.create_container("models")
    assert refused.value.status_code == 403
    assert getattr(refused.value, "error_code", None) == "AuthorizationFailure"
    assert "Server failed to authenticate the request" in str(refused.value.message)


def test_the_name_server_answers_for_the_accounts_that_are_here(accounts: Accounts) -> None:
    for suffix in SUFFIXES:
        for name in (f"{accounts.name}.blob.{suffix}", f"{accounts.name}-secondary.blob.{suffix}"):
            assert [one.address for one in accounts.resolve(name)] == ["127.0.0.1"]
    with pytest.raises(dns.resolver.NoNameservers, match="REFUSED"):
        accounts.resolve("nobodys.blob.core.windows.net")
    host, _, port = str(accounts.cloud.status().dns).rpartition(":")
    query = dns.message.make_query(f"{accounts.name}.blob.core.windows.net", "AAAA")
    nothing = dns.query.udp(query, host, port=int(port), timeout=5)
    assert (nothing.rcode(), nothing.answer) == (dns.rcode.NOERROR, [])
    assert nothing.authority[0].rdtype.name == "SOA", "else a resolver asks again each time"
    accounts.plane.arm("DELETE", accounts.path)
    with pytest.raises(dns.resolver.NoNameservers, match="REFUSED"):
        accounts.resolve(f"{accounts.name}.blob.core.windows.net")


def test_a_declared_zone_answers_for_its_names(accounts: Accounts) -> None:
    group = accounts.plane.account_id.partition("/providers/")[0]
    zone = f"{group}/providers/Microsoft.Network/dnsZones/blob.core.localhost"
    accounts.plane.arm("PUT", zone, {"location": "global"})
    try:
        with pytest.raises(dns.resolver.NXDOMAIN):
            accounts.resolve(f"{accounts.name}.blob.core.localhost")
    finally:
        accounts.plane.arm("DELETE", zone)
    assert accounts.resolve(f"{accounts.name}.blob.core.localhost")


@pytest.mark.parametrize("host", ["{0}.blob.core.windows.net", "{0}.blob.core.localhost:{1}", "path style"])
def test_a_package_of_an_own_account_is_fetched_from_here(accounts: Accounts, host: str) -> None:
    content = scoring_parts.package()
    blob = f"model_{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
    with accounts.client(f"{accounts.name}.blob.core.windows.net") as client:
        client.create_container("models")
        client.get_blob_client("models", blob).upload_blob(content)
    root = f"https://{host.format(accounts.name, accounts.port)}"
    if host == "path style":
        root = f"{accounts.cloud.status().blob}/{accounts.name}"
    signature = accounts.signature(blob)
    accounts.plane.register(f"{root}/models/{blob}?{signature}")

    over = accounts.signature(blob, expiry="2019-01-09T00:00:00Z")
    body = {"name": "model", "mimeType": "application/zip", "unpack": False}
    refused = accounts.plane.call("POST", "models", body | {"url": f"{root}/models/{blob}?{over}"})
    assert refusal(refused) == (
        400,
        "PackageNotFetched",
        f"The package at {root}/models/{blob} was refused with 403 AuthorizationFailure. Give the address of "
        "a blob that is there, with a shared access signature that may read it and has not expired.",
    )
    log = (accounts.cloud.settings.data / LOG).read_text()
    for secret in (signature, over):
        assert secret.partition("sig=")[2].partition("&")[0] not in log
    assert "sig=" not in log


def test_a_server_with_a_name_has_accounts_below_it(tmp_path: Path) -> None:
    """And in its own name, though there is a dot in it, no account."""
    wanted = replace(settings(tmp_path / "data"), name=SERVER_NAME, scoring_network="127.91.0.0/16")
    with Cloud(wanted) as cloud, closing(DataPlane(cloud.status())) as plane:
        plane.make_account()
        accounts = Accounts(cloud, plane)
        found = plane.follow(f"{plane.host}/metadata/endpoints?api-version=2022-09-01").json()
        assert found["suffixes"]["storage"] == SERVER_NAME
        with accounts.client(f"{accounts.name}.blob.{SERVER_NAME}") as client:
            client.create_container("models")
            client.get_blob_client("models", "a").upload_blob(b"content")
        with accounts.client(f"{SERVER_NAME}:{accounts.port}/{accounts.name}", with_port=False) as client:
            assert client.get_blob_client("models", "a").download_blob().readall() == b"content"
        assert [one.address for one in accounts.resolve(f"{accounts.name}.blob.{SERVER_NAME}")] == [
            "127.0.0.1"
        ]
