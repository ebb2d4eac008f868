"""Ids, bodies, outputs, previews, and the inputs that a read finds."""

from __future__ import annotations

import pytest

from engine.azure_native import translate
from engine.azure_native.types import (
    GENERIC_RESOURCE,
    RECORD_SET,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    ResourceType,
)
from engine.azure_native.values import UNKNOWN, Properties, Secret
from tests.support.engine.azure_resources import account

SUB = "11111111-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUB}/resourceGroups/rg"
GENERIC = account()
RECORD: Properties = {
    "resourceGroupName": "rg",
    "zoneName": "contoso.test",
    "recordType": "A",
    "relativeRecordSetName": "_x.www",
    "ttl": 300,
    "aRecords": [{"ipv4Address": "127.80.0.1"}],
}


@pytest.mark.parametrize(
    ("kind", "inputs", "identifier"),
    [
        (RESOURCE_GROUP, {"resourceGroupName": "rg"}, GROUP),
        (
            GENERIC_RESOURCE,
            {name: GENERIC[name] for name in GENERIC_RESOURCE.path_parameters},
            f"{GROUP}/providers/Microsoft.MachineLearningModelManagement/accounts/models",
        ),
        (
            GENERIC_RESOURCE,
            {
                "resourceGroupName": "rg",
                "resourceProviderNamespace": "Microsoft.Network",
                "parentResourcePath": "dnsZones/contoso.test",
                "resourceType": "A",
                "resourceName": "@",
            },
            f"{GROUP}/providers/Microsoft.Network/dnsZones/contoso.test/A/@",
        ),
        (
            RECORD_SET,
            {name: RECORD[name] for name in RECORD_SET.path_parameters},
            f"{GROUP}/providers/Microsoft.Network/dnsZones/contoso.test/A/_x.www",
        ),
    ],
)
def test_an_id_is_made_of_inputs_and_gives_them_back(
    kind: ResourceType, inputs: Properties, identifier: str
) -> None:
    assert translate.resource_id(kind, SUB, inputs) == identifier
    assert translate.path_inputs(kind, identifier) == inputs
    assert translate.path_inputs(kind, identifier.replace("resourceGroups", "resourcegroups")) == inputs


def test_an_id_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="is no id of a azure-native:storage:StorageAccount: expected"):
        translate.path_inputs(STORAGE_ACCOUNT, GROUP)


def test_a_body_has_arms_names() -> None:
    assert translate.request_body(RECORD_SET, RECORD) == {
        "properties": {"TTL": 300, "ARecords": [{"ipv4Address": "127.80.0.1"}]}
    }
    assert translate.request_body(STORAGE_ACCOUNT, {"kind": "StorageV2", "enableHttpsTrafficOnly": True}) == {
        "kind": "StorageV2",
        "properties": {"supportsHttpsTrafficOnly": True},
    }
    body = translate.request_body(GENERIC_RESOURCE, GENERIC)
    assert body == {name: GENERIC[name] for name in ("location", "sku", "properties")}


def test_outputs_have_pulumis_names_and_keep_secrets() -> None:
    answer = {
        "name": "_x.www",
        "etag": "e1",
        "properties": {
            "TTL": 300,
            "ARecords": [{"ipv4Address": "127.80.0.1"}],
            "fqdn": "_x.www.contoso.test.",
        },
    }
    inputs = RECORD | {"aRecords": [{"ipv4Address": Secret("127.80.0.1")}]}
    assert translate.outputs(RECORD_SET, answer, "2023-07-01-preview", inputs) == {
        "azureApiVersion": "2023-07-01-preview",
        "name": "_x.www",
        "etag": "e1",
        "ttl": 300,
        "aRecords": Secret([{"ipv4Address": "127.80.0.1"}]),
        "fqdn": "_x.www.contoso.test.",
    }


def test_a_preview_of_a_create_knows_inputs_and_name_alone() -> None:
    found = translate.preview_outputs(RECORD_SET, RECORD, None)
    assert found["name"] == "_x.www"
    assert found["aRecords"] == RECORD["aRecords"]
    assert (found["etag"], found["fqdn"]) == (UNKNOWN, UNKNOWN)


def test_a_preview_of_an_update_keeps_what_an_update_does_not_change() -> None:
    olds = {"name": "_x.www", "etag": "e1", "fqdn": "_x.www.contoso.test.", "ttl": 300}
    found = translate.preview_outputs(RECORD_SET, RECORD | {"ttl": 60}, olds)
    assert (found["name"], found["fqdn"], found["ttl"]) == ("_x.www", "_x.www.contoso.test.", 60)
    assert found["etag"] is UNKNOWN


def test_a_preview_tells_the_name_of_what_was_put_and_never_seen() -> None:
    """Else whatever is declared in it would be planned with a place that is known after the update."""
    found = translate.preview_outputs(RECORD_SET, RECORD, {"ttl": 300})
    assert (found["name"], found["ttl"]) == ("_x.www", RECORD["ttl"])
    assert found["fqdn"] is UNKNOWN


def test_a_generic_resource_goes_by_its_own_api_version() -> None:
    assert translate.api_version(GENERIC_RESOURCE, GENERIC) == "2017-09-01-preview"
    assert translate.api_version(GENERIC_RESOURCE, {}) == "2024-03-01"
    assert translate.api_version(RECORD_SET, {"apiVersion": "x"}) == "2023-07-01-preview"


def test_a_read_without_drift_leaves_the_inputs_alone() -> None:
    olds = {"location": "eastus2", "tags": {}, "sku": {"name": "S1", "capacity": 1, "tier": "x"}}
    news = olds | {"location": "East US 2"}
    assert translate.read_inputs(GENERIC_RESOURCE, "", olds, news, GENERIC) == GENERIC


def test_a_read_carries_drift_over_and_nothing_else() -> None:
    olds = {
        "name": "models",
        "sku": {"name": "S1", "capacity": 1, "tier": "low"},
        "tags": {},
        "properties": {"description": "ours", "modifiedOn": "1"},
    }
    news = {
        "sku": {"name": "S2", "capacity": 1, "tier": "low"},
        "tags": {"by": "hand"},
        "properties": {"description": "theirs", "modifiedOn": "2"},
    }
    found = translate.read_inputs(GENERIC_RESOURCE, "", olds, news, GENERIC)
    assert found == GENERIC | {
        "sku": {"name": "S2", "capacity": 1},
        "tags": {"by": "hand"},
        "properties": {"description": "theirs"},
    }


def test_of_what_was_put_and_never_seen_only_what_was_put_can_have_drifted() -> None:
    """What the service fills in would else be drift, and its removal may replace the resource."""
    olds = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    inputs = {"resourceGroupName": "rg", "accountName": "a", **olds}
    news = {
        "name": "a",
        "kind": "StorageV2",
        "sku": {"name": "Premium_LRS", "tier": "Premium"},
        "isHnsEnabled": False,
    }
    found = translate.read_inputs(STORAGE_ACCOUNT, "", olds, news, inputs)
    assert found == inputs | {"sku": {"name": "Premium_LRS"}}


def test_a_read_sees_what_was_taken_away_and_keeps_secrets() -> None:
    inputs = RECORD | {"metadata": {"a": "1"}, "aRecords": Secret([{"ipv4Address": "127.80.0.1"}])}
    olds = {"metadata": {"a": "1"}, "aRecords": Secret([{"ipv4Address": "127.80.0.1"}]), "ttl": 300}
    news = {"aRecords": [{"ipv4Address": "127.80.0.9"}], "ttl": 300}
    found = translate.read_inputs(RECORD_SET, "", olds, news, inputs)
    assert "metadata" not in found
    assert found["aRecords"] == Secret([{"ipv4Address": "127.80.0.9"}])


def test_an_import_leaves_out_what_arm_fills_in_by_itself() -> None:
    identifier = f"{GROUP}/providers/Microsoft.MachineLearningModelManagement/accounts/models"
    news = {
        "azureApiVersion": "2017-09-01-preview",
        "location": "eastus2",
        "sku": {"name": "S1", "capacity": 1},
        "tags": {},
        "properties": {
            "description": "models",
            "createdOn": "2018-05-01T00:00:00Z",
            "modelManagementSwaggerLocation": "https://eastus2.example/swagger.json",
        },
    }
    assert translate.read_inputs(GENERIC_RESOURCE, identifier, {}, news, {}) == account("rg", "models")


def test_an_import_takes_all_that_the_answer_says() -> None:
    identifier = f"{GROUP}/providers/Microsoft.Network/dnsZones/contoso.test/A/_x.www"
    news = {"ttl": 300, "aRecords": RECORD["aRecords"], "fqdn": "_x.www.contoso.test."}
    assert translate.read_inputs(RECORD_SET, identifier, {}, news, {}) == RECORD
