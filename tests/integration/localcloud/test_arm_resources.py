"""Groups, accounts, lists and registrations over the bare wire: what is made, kept, shown and deleted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from localcloud.arm.accounts import find_account
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.server import Cloud
from localcloud.settings import DATABASE, Settings
from tests.support.localcloud.arm_caller import ArmCaller, refusal

MODEL_MANAGEMENT = "/providers/Microsoft.MachineLearningModelManagement/accounts"
ACCOUNT = {"location": "eastus2", "sku": {"name": "S1", "capacity": 2}, "tags": {"a": "b"}}


def test_every_answer_carries_its_ids(arm: ArmCaller) -> None:
    for path, status in (("/subscriptions", 200), (f"{arm.subscription}/resourceGroups/no", 404)):
        answer = arm("GET", path, headers={"x-ms-correlation-request-id": "call-17"})
        assert answer.status_code == status
        uuid.UUID(answer.headers["x-ms-request-id"])
        assert answer.headers["x-ms-correlation-request-id"] == "call-17"
    answer = arm("GET", "/subscriptions", headers={"x-ms-correlation-request-id": "a b\tc"})
    assert answer.headers["x-ms-correlation-request-id"] == answer.headers["x-ms-request-id"]


def test_paths_in_any_case_and_with_empty_segments(arm: ArmCaller, group: str) -> None:
    made = arm("PUT", f"{group}{MODEL_MANAGEMENT}/CaseOne", ACCOUNT)
    assert made.status_code == 201
    for path in (
        f"{group}{MODEL_MANAGEMENT}/caseone".upper(),
        f"{group.lower()}/providers/microsoft.machinelearningmodelmanagement//ACCOUNTS/caseONE/",
    ):
        found = arm("GET", path)
        assert found.history == []
        assert found.json() == made.json()
    assert made.json()["id"] == f"{group}{MODEL_MANAGEMENT}/CaseOne"


def test_group_verbs(arm: ArmCaller) -> None:
    path = f"{arm.subscription}/resourcegroups/rg-{uuid.uuid4().hex[:8]}"
    assert arm("HEAD", path).status_code == 404
    made = arm("PUT", path, {"location": "East US 2", "tags": {"a": "b"}})
    assert (made.status_code, made.json()["location"]) == (201, "eastus2")
    assert made.json()["properties"] == {"provisioningState": "Succeeded"}
    again = arm("PUT", path, {"location": "eastus2"})
    assert (again.status_code, again.json()["tags"]) == (200, {})
    assert arm("HEAD", path).status_code == 204
    assert arm("PATCH", path, {"tags": {"c": "d"}}).json()["tags"] == {"c": "d"}
    assert arm("GET", path).json()["tags"] == {"c": "d"}
    assert arm("DELETE", path).status_code == 200
    assert refusal(arm("DELETE", path))[:2] == (404, "ResourceGroupNotFound")


def test_deleting_a_group_deletes_what_is_in_it(arm: ArmCaller, group: str) -> None:
    zone = f"z{uuid.uuid4().hex[:8]}.com"
    storage = f"st{uuid.uuid4().hex[:8]}"
    paths = {
        f"{group}{MODEL_MANAGEMENT}/acc": ACCOUNT,
        f"{group}/providers/Microsoft.Network/dnsZones/{zone}": {"location": "global"},
        f"{group}/providers/Microsoft.Storage/storageAccounts/{storage}": {
            "location": "eastus2",
            "sku": {"name": "Standard_LRS"},
            "kind": "StorageV2",
        },
    }
    for path, body in paths.items():
        assert arm("PUT", path, body).ok
    listed = arm("GET", f"{group}/resources").json()["value"]
    assert {item["name"] for item in listed} == {"acc", zone, storage}
    assert all("properties" not in item for item in listed)
    assert arm("DELETE", group).status_code == 200
    assert arm("PUT", group, {"location": "eastus2"}).status_code == 201
    for path in paths:
        assert refusal(arm("GET", path))[:2] == (404, "ResourceNotFound")


def test_account_verbs(arm: ArmCaller, group: str) -> None:
    path = f"{group}{MODEL_MANAGEMENT}/acc"
    assert arm("DELETE", path).status_code == 204
    made = arm("PUT", path, ACCOUNT | {"location": "East US 2", "properties": {"description": "first"}})
    assert made.status_code == 201
    body: dict[str, Any] = made.json()
    assert (body["name"], body["location"], body["tags"]) == ("acc", "eastus2", {"a": "b"})
    assert body["sku"] == {"name": "S1", "capacity": 2}
    properties = body["properties"]
    assert properties["description"] == "first"
    assert properties["provisioningState"] == "Succeeded"
    assert properties["createdOn"] == properties["modifiedOn"]
    swagger = urlsplit(properties["modelManagementSwaggerLocation"])
    assert f"{swagger.scheme}://{swagger.netloc}" == arm.base
    assert swagger.path.startswith("/api/subscriptions/")

    again = arm("PUT", path, ACCOUNT | {"sku": {"name": "devtest"}})
    assert again.status_code == 200
    assert again.json()["sku"] == {"name": "DevTest", "capacity": 1}
    assert "description" not in again.json()["properties"]
    assert again.json()["properties"]["createdOn"] == properties["createdOn"]

    patched = arm("PATCH", path, {"sku": {"capacity": 16.0}, "properties": {"description": "second"}})
    assert patched.status_code == 200
    assert patched.json()["sku"] == {"name": "DevTest", "capacity": 16}
    assert patched.json()["tags"] == {"a": "b"}
    assert arm("GET", path).json() == patched.json()
    assert refusal(arm("PATCH", path, {"sku": {"capacity": 17}}))[:2] == (400, "InvalidSku")
    assert arm("DELETE", path).status_code == 200
    assert refusal(arm("PATCH", path, {}))[:2] == (404, "ResourceNotFound")


def test_accounts_of_group_and_subscription(arm: ArmCaller, group: str) -> None:
    made = arm("PUT", f"{group}{MODEL_MANAGEMENT}/acc", ACCOUNT).json()
    assert arm("GET", f"{group}{MODEL_MANAGEMENT}").json() == {"value": [made]}
    assert made in arm("GET", f"{arm.subscription}{MODEL_MANAGEMENT}").json()["value"]
    inside = arm("GET", f"{arm.subscription}/resources", query="$filter=name%20eq%20'acc'").json()["value"]
    assert made["id"] in [item["id"] for item in inside]


@pytest.mark.parametrize(("top", "filter"), [("%24top", "%24filter"), ("$top", "$filter")])
def test_next_link_keeps_the_query(arm: ArmCaller, group: str, top: str, filter: str) -> None:
    for name in ("aa", "bb", "cc"):
        assert arm("PUT", f"{group}{MODEL_MANAGEMENT}/{name}", ACCOUNT).status_code == 201
    query = f"{top}=2&{filter}=tagName+eq+'a'%20and+tagValue+eq+'b'"
    first = arm("GET", f"{group}/resources", query=query).json()
    link = first["nextLink"]
    asked = parse_qs(urlsplit(link).query)
    assert link.startswith(f"{arm.base}/subscriptions/")
    assert asked["$top"] == ["2"]
    assert asked["$filter"] == ["tagName eq 'a' and tagValue eq 'b'"]
    assert "api-version" in asked
    # what the first page showed may be gone by now: the next one begins behind it all the same
    assert arm("DELETE", f"{group}{MODEL_MANAGEMENT}/bb").status_code == 200
    second = arm("GET", link).json()
    assert [item["name"] for item in second["value"]] == ["cc"]
    assert "nextLink" not in second


def test_expanded_lists_tell_times(arm: ArmCaller, group: str) -> None:
    arm("PUT", f"{group}{MODEL_MANAGEMENT}/acc", ACCOUNT)
    query = "$expand=createdTime,changedTime,provisioningState"
    (item,) = arm("GET", f"{group}/resources", query=query).json()["value"]
    assert item["provisioningState"] == "Succeeded"
    assert item["createdTime"] <= item["changedTime"]


@pytest.fixture
def own_arm(cloud_settings: Settings, tmp_path: Path) -> Iterator[ArmCaller]:
    """Signed in to a localcloud of one test's own: for what concerns a whole subscription."""
    with Cloud(Settings(data=tmp_path / "data", featurizers=cloud_settings.featurizers)) as own:
        caller = ArmCaller(own)
        yield caller
        caller.close()


def test_unregistered_provider_makes_nothing(own_arm: ArmCaller) -> None:
    arm, group = own_arm, f"{own_arm.subscription}/resourceGroups/rg"
    assert arm("PUT", group, {"location": "eastus2"}).status_code == 201
    provider = f"{arm.subscription}/providers/Microsoft.MachineLearningModelManagement"
    assert arm("PUT", f"{group}{MODEL_MANAGEMENT}/acc", ACCOUNT).status_code == 201
    status, code, words = refusal(arm("POST", f"{provider}/unregister"))
    assert (status, code) == (409, "CannotUnregisterNamespaceWithResources")
    assert f"{group}{MODEL_MANAGEMENT}/acc" in words
    assert arm("DELETE", f"{group}{MODEL_MANAGEMENT}/acc").status_code == 200
    assert arm("POST", f"{provider}/unregister").json()["registrationState"] == "NotRegistered"
    status, code, words = refusal(arm("PUT", f"{group}{MODEL_MANAGEMENT}/acc", ACCOUNT))
    assert (status, code) == (409, "MissingSubscriptionRegistration")
    assert "not registered to use namespace 'Microsoft.MachineLearningModelManagement'" in words
    assert arm("POST", f"{provider}/register").json()["registrationState"] == "Registered"
    assert arm("PUT", f"{group}{MODEL_MANAGEMENT}/acc", ACCOUNT).status_code == 201


def test_subscription_and_tenant(arm: ArmCaller) -> None:
    found = arm("GET", arm.subscription).json()
    assert arm("GET", "/subscriptions").json() == {"value": [found]}
    assert (found["subscriptionId"], found["tenantId"], found["state"]) == (
        arm.status.subscription,
        arm.status.tenant,
        "Enabled",
    )
    regions = [item["name"] for item in arm("GET", f"{arm.subscription}/locations").json()["value"]]
    assert "eastus2" in regions


def test_the_data_plane_finds_accounts(cloud: Cloud, arm: ArmCaller, group: str) -> None:
    made = arm("PUT", f"{group}{MODEL_MANAGEMENT}/Acc", ACCOUNT).json()
    store = Store(cloud.settings.data / DATABASE)
    subscription, name = str(arm.status.subscription), group.rpartition("/")[2]
    try:
        with store.read() as db:
            found = find_account(db, subscription.upper(), name.upper(), "ACC")
            assert (found.id, found.display_id) == (made["id"].lower(), made["id"])
            assert (found.sku_name, found.capacity, found.location) == ("S1", 2, "eastus2")
            for key, code in (
                (("other", name, "acc"), "SubscriptionNotFound"),
                ((subscription, "no", "acc"), "ResourceGroupNotFound"),
                ((subscription, name, "no"), "ResourceNotFound"),
            ):
                with pytest.raises(CloudError) as refused:
                    find_account(db, *key)
                assert (refused.value.status, refused.value.code) == (404, code)
    finally:
        store.close()
