"""A disk that is full at a commit: what answers callers is what the database has, whichever commit fails."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from localcloud.modelmanagement import worker
from localcloud.scoring.addresses import bind_problem
from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import failing_disk, parts, scoring_parts
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.localcloud.data_plane import (
    DataPlane,
    PackageHost,
    account_name,
    endpoint,
    leaf,
    on,
    opens,
)
from tests.support.localcloud.failing_disk import FailingDisk
from tests.support.waiting import wait_until

FULL = (
    507,
    "InsufficientStorage",
    "The disk of localcloud's data folder is full. Nothing was changed: make room, and try again.",
)
COMMITS = range(6)
"""More than any operation needs: every commit of each fails once, and with the last one none."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, FailingDisk]]:
    with failing_disk.installed() as disk, pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "RETRY_INTERVAL_S", 0.05)
        with Cloud(parts.settings(tmp_path_factory.mktemp("full") / "data")) as cloud:
            yield cloud, disk


@pytest.fixture
def cloud(started: tuple[Cloud, FailingDisk]) -> Cloud:
    return started[0]


@pytest.fixture
def disk(started: tuple[Cloud, FailingDisk]) -> Iterator[FailingDisk]:
    yield started[1]
    started[1].heal()


@pytest.fixture
def arm(cloud: Cloud) -> Iterator[ArmCaller]:
    with closing(ArmCaller(cloud)) as caller:
        yield caller


@pytest.fixture
def group(arm: ArmCaller, disk: FailingDisk) -> Iterator[str]:
    path = f"{arm.subscription}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    assert arm("PUT", path, {"location": "eastus2"}).status_code == 201
    yield path
    disk.heal()
    assert arm("DELETE", path).status_code in (200, 404)


@pytest.fixture(scope="module")
def package_url() -> Iterator[str]:
    with PackageHost().running() as host:
        yield host.put("/c/real.zip", scoring_parts.package())


@pytest.fixture
def plane(cloud: Cloud, disk: FailingDisk, request: pytest.FixtureRequest) -> Iterator[DataPlane]:
    with closing(DataPlane(cloud.status())) as plane:
        plane.make_account(account_name(request.node.name))
        yield plane


class Deployed:
    """A service with SSL, as whoever made it knows it."""

    def __init__(self, plane: DataPlane, package_url: str) -> None:
        self.plane = plane
        self.authority = Authority()
        self.model_id = plane.register(package_url)
        self.pair = on(self.authority)
        self.document = plane.deploy(self.model_id, **self.pair)
        self.id: str = self.document["id"]
        self.where = endpoint(self.document)
        self.keys = plane.keys(self.id)

    def answers(self, keys: tuple[str, str], pair: dict[str, Any]) -> bool:
        """Whether it answers to these keys alone, with that certificate."""
        if leaf(self.where).strip() != pair["sslCertificate"].strip():
            return False
        return all(self.opens(key) for key in keys) and not any(
            self.opens(key) for key in {*self.keys, "other"} - set(keys)
        )

    def opens(self, key: str) -> bool:
        return opens(self.where, self.authority.root, key)

    def is_there(self) -> bool:
        return bind_problem(self.where) is not None


@pytest.fixture
def deployed(plane: DataPlane, package_url: str) -> Deployed:
    return Deployed(plane, package_url)


def test_keys_that_could_not_be_written_open_nothing(deployed: Deployed, disk: FailingDisk) -> None:
    disk.fill()
    answer = deployed.plane.call("POST", f"services/{deployed.id}/regeneratekeys")
    assert refusal(answer) == FULL
    assert deployed.plane.keys(deployed.id) == deployed.keys
    assert deployed.answers(deployed.keys, deployed.pair)
    disk.heal()
    new = deployed.plane.call("POST", f"services/{deployed.id}/regeneratekeys").json()
    assert deployed.answers((new["primaryKey"], new["secondaryKey"]), deployed.pair)


def finished(plane: DataPlane, accepted: requests.Response) -> str | None:
    state: str = plane.call("GET", accepted.headers["Operation-Location"]).json()["state"]
    return state if state in ("Succeeded", "Failed") else None


@pytest.mark.parametrize("after", COMMITS)
def test_an_update_answers_as_the_database_has_it(deployed: Deployed, disk: FailingDisk, after: int) -> None:
    plane = deployed.plane
    other = on(deployed.authority)
    new = (f"new-{uuid.uuid4().hex}", f"new-{uuid.uuid4().hex}")
    wanted = other | {
        "computeType": "FPGA",
        "numReplicas": 1,
        "modelId": deployed.model_id,
        "keys": {"primaryKey": new[0], "secondaryKey": new[1]},
    }
    disk.fill(after)
    accepted = plane.call("PUT", f"services/{deployed.id}", wanted)
    if after == 0:
        assert refusal(accepted) == FULL
        assert deployed.answers(deployed.keys, deployed.pair)
        return
    wait_until(lambda: disk.failures >= 2 or finished(plane, accepted) is not None)
    known = plane.keys(deployed.id)
    assert known in (deployed.keys, new)
    assert deployed.answers(known, other if known == new else deployed.pair)
    assert plane.service(deployed.id)["state"] != "Failed"
    disk.heal()
    assert plane.finish(accepted)["state"] == "Succeeded"
    assert deployed.answers(new, other)


@pytest.mark.parametrize("after", COMMITS)
def test_keys_made_anew_during_an_update_that_is_taken_up_again_stay(
    deployed: Deployed, disk: FailingDisk, after: int
) -> None:
    plane = deployed.plane
    disk.fill(max(after, 1))
    body = {"computeType": "FPGA", "numReplicas": 1, "modelId": deployed.model_id}
    accepted = plane.call("PUT", f"services/{deployed.id}", body)
    wait_until(lambda: disk.failures >= 1 or finished(plane, accepted) is not None)
    disk.heal()
    new = plane.call("POST", f"services/{deployed.id}/regeneratekeys").json()
    assert plane.finish(accepted)["state"] == "Succeeded"
    assert deployed.answers((new["primaryKey"], new["secondaryKey"]), deployed.pair)


@pytest.mark.parametrize("after", COMMITS)
def test_ssl_goes_off_as_the_database_has_it(deployed: Deployed, disk: FailingDisk, after: int) -> None:
    plane = deployed.plane
    disk.fill(max(after, 1))
    body = {"computeType": "FPGA", "numReplicas": 1, "modelId": deployed.model_id, "sslEnabled": False}
    accepted = plane.call("PUT", f"services/{deployed.id}", body)
    wait_until(lambda: disk.failures >= 2 or finished(plane, accepted) is not None)
    if plane.service(deployed.id)["sslEnabled"]:
        assert deployed.answers(deployed.keys, deployed.pair)
    else:
        assert opens(deployed.where, None, None)
    disk.heal()
    assert plane.finish(accepted)["state"] == "Succeeded"
    assert opens(deployed.where, None, None)


@pytest.mark.parametrize("after", COMMITS)
def test_a_service_answers_until_its_deletion_is_written(
    deployed: Deployed, disk: FailingDisk, after: int
) -> None:
    plane = deployed.plane
    disk.fill(after)
    accepted = plane.call("DELETE", f"services/{deployed.id}")
    if after == 0:
        assert refusal(accepted) == FULL
        assert deployed.answers(deployed.keys, deployed.pair)
        return
    wait_until(lambda: disk.failures >= 2 or finished(plane, accepted) is not None)
    is_known = plane.call("GET", f"services/{deployed.id}").status_code == 200
    assert deployed.is_there() == is_known
    if is_known:
        assert deployed.answers(deployed.keys, deployed.pair)
    disk.heal()
    assert plane.finish(accepted)["state"] == "Succeeded"
    assert not deployed.is_there()


@pytest.mark.parametrize("after", COMMITS)
def test_a_create_ends_well_once_there_is_room(
    plane: DataPlane, package_url: str, disk: FailingDisk, after: int
) -> None:
    model_id = plane.register(package_url)
    disk.fill(max(after, 1))
    body = {"computeType": "FPGA", "numReplicas": 1, "modelId": model_id, "name": "new", "sslEnabled": False}
    accepted = plane.call("POST", "services", body)
    wait_until(lambda: disk.failures >= 2 or finished(plane, accepted) is not None)
    disk.heal()
    assert plane.finish(accepted)["state"] == "Succeeded"
    service = plane.service(accepted.json()["id"])
    assert service["state"] == "Succeeded"
    assert opens(endpoint(service), None, None)


@pytest.mark.parametrize("whole_group", [False, True], ids=["account", "group"])
@pytest.mark.parametrize("after", [0, 1])
def test_an_account_goes_with_its_services_or_not_at_all(
    deployed: Deployed, arm: ArmCaller, cloud: Cloud, disk: FailingDisk, *, whole_group: bool, after: int
) -> None:
    account = deployed.plane.account_id
    gone = account.partition("/providers/")[0] if whole_group else account
    package = cloud.settings.data / "models" / f"{deployed.model_id}.zip"
    disk.fill(after)
    answer = arm("DELETE", gone, version="2017-09-01-preview")
    is_known = arm("GET", account, version="2017-09-01-preview").status_code == 200
    assert is_known == (answer.status_code != 200)
    assert (deployed.is_there(), package.exists()) == (is_known, is_known)
    if after == 0:
        assert refusal(answer) == FULL
        assert deployed.answers(deployed.keys, deployed.pair)
        disk.heal()
        assert arm("DELETE", gone, version="2017-09-01-preview").status_code == 200
        assert not deployed.is_there()


def test_models_and_their_packages_go_together(
    plane: DataPlane, package_url: str, cloud: Cloud, disk: FailingDisk
) -> None:
    model_id = plane.register(package_url)
    before = {file.name for file in (cloud.settings.data / "models").iterdir()}
    disk.fill()
    body = {"name": "second", "mimeType": "application/zip", "url": package_url, "unpack": False}
    assert refusal(plane.call("POST", "models", body)) == FULL
    assert refusal(plane.call("DELETE", f"models/{model_id}")) == FULL
    assert [model["id"] for model in plane.call("GET", "models").json()["value"]] == [model_id]
    assert {file.name for file in (cloud.settings.data / "models").iterdir()} == before


def storage_opens(arm: ArmCaller, name: str, key: str) -> bool:
    with BlobServiceClient(
        f"{arm.status.blob}/{name}", credential=key, connection_verify=str(arm.status.ca), retry_total=0
    ) as client:
        try:
            list(client.list_containers())
        except HttpResponseError as error:
            if error.status_code != 403:
                raise
            return False
        return True


def test_storage_accounts_open_to_the_keys_that_are_written(
    arm: ArmCaller, group: str, disk: FailingDisk
) -> None:
    name = f"st{uuid.uuid4().hex[:12]}"
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    body = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "Storage"}
    assert arm("PUT", path, body).status_code == 200
    key = arm("POST", f"{path}/listKeys").json()["keys"][0]["value"]
    disk.fill()
    for method, where, content in (
        ("POST", f"{path}/regenerateKey", {"keyName": "key1"}),
        ("DELETE", path, None),
        ("DELETE", group, None),
        ("PUT", f"{path}2", body),
    ):
        assert refusal(arm(method, where, content)) == FULL
        assert storage_opens(arm, name, key)
    assert arm("GET", f"{path}2").status_code == 404
    assert arm("POST", f"{path}/listKeys").json()["keys"][0]["value"] == key
    disk.heal()
    new = arm("POST", f"{path}/regenerateKey", {"keyName": "key1"}).json()["keys"][0]["value"]
    assert (storage_opens(arm, name, new), storage_opens(arm, name, key)) == (True, False)


def test_names_are_answered_with_what_is_written(arm: ArmCaller, group: str, disk: FailingDisk) -> None:
    origin = f"z{uuid.uuid4().hex[:8]}.example"
    zone = f"{group}/providers/Microsoft.Network/dnsZones/{origin}"
    assert arm("PUT", zone, {"location": "global"}, version="2018-05-01").status_code == 201

    def put(address: str) -> requests.Response:
        body = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": address}]}}
        return arm("PUT", f"{zone}/A/www", body, version="2018-05-01")

    def told() -> str:
        host, _, port = str(arm.status.dns).rpartition(":")
        query = dns.message.make_query(f"www.{origin}", dns.rdatatype.A)
        answer = dns.query.udp(query, host, timeout=5, port=int(port))
        return str(answer.answer[0][0])

    assert put("192.0.2.1").status_code == 201
    assert told() == "192.0.2.1"
    disk.fill()
    assert refusal(put("192.0.2.2")) == FULL
    assert refusal(arm("DELETE", zone, version="2018-05-01")) == FULL
    assert told() == "192.0.2.1"
    disk.heal()
    assert put("192.0.2.2").status_code == 200
    assert told() == "192.0.2.2"
