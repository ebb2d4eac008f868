"""The stand-in's resources, from create to delete, against a real localcloud."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from clients.azure.settings import of_stack
from engine.azure_native.types import (
    BLOB_CONTAINER,
    GENERIC_RESOURCE,
    RECORD_SET,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    ZONE,
    ResourceType,
)
from engine.azure_native.values import Properties, Secret
from fpga.cloud import connection
from localcloud.server import Cloud
from tests.support.engine.azure_resources import account
from tests.support.engine.plugin_process import Plugin, plugin


@dataclass(frozen=True)
class Made:
    """A resource that a test made."""

    kind: ResourceType
    id: str
    inputs: Properties
    outputs: Properties


@pytest.fixture(scope="module")
def running(cloud: Cloud) -> Iterator[Plugin]:
    status = cloud.status()
    secret = Secret(connection.client_secret(status))
    with plugin(status.ca) as started:
        answer = started.configure(of_stack(connection.settings(status)) | {"clientSecret": secret})
        assert (answer.acceptSecrets, answer.supportsPreview) == (True, True)
        yield started


def _make(running: Plugin, kind: ResourceType, news: Properties) -> Made:
    inputs = running.check(kind, news)
    identifier, outputs = running.create(kind, inputs)
    return Made(kind, identifier, inputs, outputs)


@pytest.fixture
def group(running: Plugin) -> Iterator[str]:
    """The name of a new resource group, deleted afterwards with all that is in it."""
    made = _make(
        running, RESOURCE_GROUP, {"resourceGroupName": f"rg-{uuid.uuid4().hex[:8]}", "location": "East US 2"}
    )
    assert made.outputs["location"] == "eastus2"
    yield made.outputs["name"]
    running.delete(RESOURCE_GROUP, made.id, made.inputs)
    assert running.read(RESOURCE_GROUP, made.id, made.outputs, made.inputs) == ("", {}, {})


def _zone(group: str) -> Properties:
    name = f"{uuid.uuid4().hex[:8]}.test"
    return {"resourceGroupName": group, "zoneName": name, "location": "global"}


def _storage(group: str) -> Properties:
    return {
        "resourceGroupName": group,
        "accountName": f"store{uuid.uuid4().hex[:12]}",
        "location": "eastus2",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
    }


def test_a_generic_account_lives_through_update_and_delete(running: Plugin, group: str) -> None:
    made = _make(running, GENERIC_RESOURCE, account(group))
    assert made.outputs["name"] == "models"
    assert made.outputs["properties"]["modelManagementSwaggerLocation"].startswith("https://")

    wanted = made.inputs | {"sku": {"name": "S2", "capacity": 3}, "tags": {"a": "b"}}
    difference = running.diff(GENERIC_RESOURCE, made.inputs, wanted)
    assert set(difference.diffs) == {"sku", "tags"}
    assert list(difference.replaces) == []
    outputs = running.update(GENERIC_RESOURCE, made.id, made.outputs, made.inputs, wanted)
    assert outputs["sku"] == {"name": "S2", "capacity": 3}

    # What the service changes by itself (dates) is no drift; what somebody else changed is.
    _, _, inputs = running.read(GENERIC_RESOURCE, made.id, made.outputs, made.inputs)
    assert inputs == wanted
    _, _, inputs = running.read(GENERIC_RESOURCE, made.id, outputs, wanted)
    assert inputs == wanted

    running.delete(GENERIC_RESOURCE, made.id, wanted)
    assert running.read(GENERIC_RESOURCE, made.id, outputs, wanted)[0] == ""
    running.delete(GENERIC_RESOURCE, made.id, wanted)


def test_a_record_changes_in_place_and_tells_its_etag(running: Plugin, group: str) -> None:
    zone = _make(running, ZONE, _zone(group))
    assert len(zone.outputs["nameServers"]) >= 1
    made = _make(
        running,
        RECORD_SET,
        {
            "resourceGroupName": group,
            "zoneName": zone.outputs["name"],
            "recordType": "A",
            "relativeRecordSetName": "@",
            "ttl": 300,
            "aRecords": [{"ipv4Address": "127.80.0.1"}],
        },
    )
    assert made.outputs["fqdn"].rstrip(".") == zone.outputs["name"]
    wanted = made.inputs | {"aRecords": [{"ipv4Address": "127.80.0.2"}]}
    outputs = running.update(RECORD_SET, made.id, made.outputs, made.inputs, wanted)
    assert outputs["aRecords"] == [{"ipv4Address": "127.80.0.2"}]
    assert outputs["etag"] != made.outputs["etag"]
    # As a refresh sees it whose state still has the old address.
    _, _, inputs = running.read(RECORD_SET, made.id, made.outputs, made.inputs)
    assert inputs == wanted
    running.delete(RECORD_SET, made.id, wanted)
    assert running.read(RECORD_SET, made.id, outputs, wanted)[0] == ""


def test_a_storage_account_its_container_and_its_keys(running: Plugin, group: str) -> None:
    made = _make(running, STORAGE_ACCOUNT, _storage(group))
    name = made.outputs["name"]
    assert made.outputs["primaryEndpoints"]["blob"].endswith(f"/{name}/")
    container = _make(
        running,
        BLOB_CONTAINER,
        {"resourceGroupName": group, "accountName": name, "containerName": "models"},
    )
    assert container.outputs["name"] == "models"
    for one in (made, container):
        identifier, _, inputs = running.read(one.kind, one.id, one.outputs, one.inputs)
        assert (identifier, inputs) == (one.id, one.inputs)
    found = running.invoke(
        "azure-native:storage:listStorageAccountKeys", {"resourceGroupName": group, "accountName": name}
    )
    assert isinstance(found["keys"], Secret)
    assert [key["keyName"] for key in found["keys"].value] == ["key1", "key2"]
    running.delete(BLOB_CONTAINER, container.id, container.inputs)
    running.delete(STORAGE_ACCOUNT, made.id, made.inputs)
    assert running.read(STORAGE_ACCOUNT, made.id, made.outputs, made.inputs)[0] == ""


def test_what_exists_can_be_imported_by_its_id(running: Plugin, group: str) -> None:
    made = _make(running, ZONE, _zone(group) | {"tags": {"a": "b"}})
    identifier, outputs, inputs = running.read(ZONE, made.id, {}, {})
    assert identifier == made.id
    assert outputs == made.outputs
    wanted = running.check(ZONE, made.inputs, inputs)
    assert set(running.diff(ZONE, inputs, wanted).replaces) == set()


def test_what_is_imported_is_as_if_it_had_been_declared(running: Plugin, group: str) -> None:
    """Nothing to do for the program that declares it: neither what is empty nor what ARM adds is an input."""
    https = {"enableHttpsTrafficOnly": True}
    for kind, news in (
        (GENERIC_RESOURCE, account(group)),
        (STORAGE_ACCOUNT, _storage(group) | https),
        (ZONE, _zone(group) | {"zoneType": "Public"}),
    ):
        made = _make(running, kind, news)
        identifier, outputs, inputs = running.read(kind, made.id, {}, {})
        assert (identifier, inputs, outputs) == (made.id, made.inputs, made.outputs)


def test_an_import_of_an_unknown_generic_type_is_refused(running: Plugin, group: str) -> None:
    provider = "Microsoft.MachineLearningModelManagement"
    identifier = f"/subscriptions/{uuid.uuid4()}/resourceGroups/{group}/providers/{provider}/boards/b"
    with pytest.raises(grpc.RpcError, match=f"{provider} has no resource type boards"):
        running.read(GENERIC_RESOURCE, identifier, {}, {})


def test_what_exists_is_refused_and_left_as_it_is(running: Plugin, group: str) -> None:
    made = _make(running, ZONE, _zone(group))
    with pytest.raises(grpc.RpcError, match=f"cannot create already existing resource '{made.id}'"):
        running.create(ZONE, made.inputs | {"tags": {"new": "one"}})
    assert running.read(ZONE, made.id, made.outputs, made.inputs)[2] == made.inputs


def test_azures_refusal_comes_with_code_and_message(running: Plugin, group: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        running.create(GENERIC_RESOURCE, account(group) | {"sku": {"name": "S9", "capacity": 1}})
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    assert ": 400 InvalidSku: " in (caught.value.details() or "")
    assert "S9" in (caught.value.details() or "")


def test_a_wrong_secret_is_told_and_not_repeated(cloud: Cloud) -> None:
    status = cloud.status()
    wrong = {"clientSecret": "wrong-and-still-secret"}
    with plugin(status.ca) as started:
        started.configure(of_stack(connection.settings(status)) | wrong)
        with pytest.raises(grpc.RpcError) as caught:
            started.create(RESOURCE_GROUP, {"resourceGroupName": "rg", "location": "eastus2"})
    assert "AADSTS7000215" in (caught.value.details() or "")
    assert "wrong-and-still-secret" not in str(caught.value)


def test_the_client_tells_who_it_is(running: Plugin, cloud: Cloud) -> None:
    found = running.invoke("azure-native:authorization:getClientConfig", {})
    status = cloud.status()
    assert found["clientId"] == status.client_id
    assert found["subscriptionId"] == status.subscription
    assert found["tenantId"] == status.tenant
    assert found["objectId"]


def test_a_location_change_replaces_and_deletes_first(running: Plugin) -> None:
    old = {"resourceGroupName": "rg", "location": "eastus2"}
    answer = running.diff(RESOURCE_GROUP, old, old | {"location": "westus"})
    assert (list(answer.replaces), answer.deleteBeforeReplace) == (["location"], True)
    assert answer.detailedDiff["location"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
