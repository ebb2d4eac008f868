"""Defaults, refusals, and what a change of inputs means."""

from __future__ import annotations

import re
from typing import Any

import pytest

from engine.azure_native.check import check, diff
from engine.azure_native.types import (
    BLOB_CONTAINER,
    GENERIC_RESOURCE,
    RECORD_SET,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    ZONE,
    ResourceType,
)
from engine.azure_native.values import UNKNOWN, Properties, Secret

ACCOUNT: Properties = {
    "resourceGroupName": "rg",
    "accountName": "store",
    "location": "eastus2",
    "kind": "StorageV2",
    "sku": {"name": "Standard_LRS"},
    "tags": {"a": "1", "b c": "2"},
}
RECORD: Properties = {
    "resourceGroupName": "rg",
    "zoneName": "contoso.test",
    "recordType": "A",
    "relativeRecordSetName": "www",
    "ttl": 300,
    "aRecords": [{"ipv4Address": "127.80.0.1"}],
}


def _check(
    kind: ResourceType, news: Properties, olds: Properties | None = None, seed: bytes = b"1"
) -> tuple[Properties, list[tuple[str, str]]]:
    return check(kind, "logical", olds or {}, news, default_location="eastus2", seed=seed)


def test_a_group_gets_a_name_that_is_its_own_and_stays() -> None:
    first, failures = _check(RESOURCE_GROUP, {})
    assert failures == []
    assert re.fullmatch("logical[0-9a-f]{8}", first["resourceGroupName"])
    assert first["location"] == "eastus2"
    assert _check(RESOURCE_GROUP, {}, seed=b"2")[0]["resourceGroupName"] != first["resourceGroupName"]
    assert _check(RESOURCE_GROUP, {}, olds=first, seed=b"2")[0] == first


@pytest.mark.parametrize(
    ("kind", "news", "name"),
    [
        (BLOB_CONTAINER, {"resourceGroupName": "rg", "accountName": "store"}, "containerName"),
        (ZONE, {"resourceGroupName": "rg", "location": "global"}, "zoneName"),
        ({}, {**RECORD, "relativeRecordSetName": None}, "relativeRecordSetName"),
    ],
)
def test_children_and_zones_take_the_logical_name(kind: Any, news: Properties, name: str) -> None:
    inputs, failures = _check(kind or RECORD_SET, news)
    assert failures == []
    assert inputs[name] == "logical"


def test_what_is_missing_or_empty_is_named() -> None:
    _, failures = check(STORAGE_ACCOUNT, "x", {}, {"accountName": ""}, default_location=None, seed=b"")
    assert dict(failures).keys() == {"resourceGroupName", "accountName", "location"}
    assert dict(failures)["location"] == (
        "is required: set it, or `pulumi config set azure-native:location eastus2`"
    )


def test_no_change() -> None:
    for kind, inputs in ((STORAGE_ACCOUNT, ACCOUNT), (RECORD_SET, RECORD)):
        found = diff(kind, inputs, dict(inputs))
        assert (found.changed, found.detailed) == ([], {})


def test_azures_two_spellings_of_a_location_are_one() -> None:
    assert diff(STORAGE_ACCOUNT, ACCOUNT, ACCOUNT | {"location": "East US 2"}).changed == []


def test_an_update_tells_each_place() -> None:
    found = diff(STORAGE_ACCOUNT, ACCOUNT, ACCOUNT | {"tags": {"b c": "3", "d": "4"}, "accessTier": "Hot"})
    assert found.detailed == {
        "tags.a": ("delete", False),
        'tags["b c"]': ("update", False),
        "tags.d": ("add", False),
        "accessTier": ("add", False),
    }
    assert found.replaces == []
    assert not found.delete_first


def test_records_are_updated_in_place_by_position() -> None:
    wanted = RECORD | {"ttl": 60, "aRecords": [{"ipv4Address": "127.80.0.2"}, {"ipv4Address": "127.80.0.3"}]}
    found = diff(RECORD_SET, RECORD, wanted)
    assert found.detailed == {
        "ttl": ("update", False),
        "aRecords[0].ipv4Address": ("update", False),
        "aRecords[1]": ("add", False),
    }


def test_another_location_replaces_and_the_old_one_goes_first() -> None:
    found = diff(STORAGE_ACCOUNT, ACCOUNT, ACCOUNT | {"location": "westus"})
    assert (found.replaces, found.delete_first) == (["location"], True)
    assert found.detailed == {"location": ("update", True)}


@pytest.mark.parametrize("name", ["accountName", "resourceGroupName"])
def test_another_name_replaces_and_the_new_one_comes_first(name: str) -> None:
    found = diff(STORAGE_ACCOUNT, ACCOUNT, ACCOUNT | {name: "other"})
    assert (found.replaces, found.delete_first) == ([name], False)


def test_what_is_not_known_yet_counts_as_changed() -> None:
    assert diff(RECORD_SET, RECORD, RECORD | {"aRecords": [{"ipv4Address": UNKNOWN}]}).detailed == {
        "aRecords[0].ipv4Address": ("update", False)
    }
    assert diff(RECORD_SET, RECORD, RECORD | {"zoneName": UNKNOWN}).replaces == ["zoneName"]


def test_a_secret_is_compared_by_its_value() -> None:
    assert diff(RECORD_SET, RECORD | {"ttl": Secret(300)}, RECORD).changed == []


def test_another_api_version_updates_a_generic_resource() -> None:
    old = {"apiVersion": "2017-09-01-preview", "resourceName": "a"}
    found = diff(GENERIC_RESOURCE, old, old | {"apiVersion": "2018-01-01"})
    assert (found.changed, found.replaces) == (["apiVersion"], [])
