"""What Resource Manager refuses: status, code and words, in the order in which Azure misses things."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.support.localcloud.arm_caller import ArmCaller, refusal

MODEL_MANAGEMENT = "/providers/Microsoft.MachineLearningModelManagement/accounts"
ZONES = "/providers/Microsoft.Network/dnsZones"
STORAGE = "/providers/Microsoft.Storage/storageAccounts"
ACCOUNT = {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}}
STORED = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}


@pytest.mark.parametrize(
    ("version", "code", "message"),
    [
        (None, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required"),
        ("latest", "InvalidApiVersionParameter", "The api-version 'latest' is invalid"),
        ("2024-13-01", "InvalidApiVersionParameter", "The api-version '2024-13-01' is invalid"),
        ("1999-01-01", "InvalidApiVersionParameter", "The api-version '1999-01-01' is invalid"),
    ],
)
def test_api_versions(arm: ArmCaller, version: str | None, code: str, message: str) -> None:
    for path in ("/subscriptions", f"{arm.subscription}/resourcegroups/x", f"{arm.subscription}/nothing"):
        answer = refusal(arm("GET", path, version=version))
        assert answer[:2] == (400, code)
        assert message in answer[2]


@pytest.mark.parametrize(
    "version", ["2017-09-01-preview", "2018-05-01", "2021-04-01", "2025-04-01", "2026-09-01"]
)
def test_api_versions_of_every_client_are_taken(arm: ArmCaller, version: str) -> None:
    assert arm("GET", "/subscriptions", version=version).status_code == 200


OTHER_SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
MISSING: list[tuple[str, str, str]] = [
    (
        f"{OTHER_SUBSCRIPTION}/resourceGroups/no{MODEL_MANAGEMENT}/a",
        "SubscriptionNotFound",
        "The subscription '11111111-1111-1111-1111-111111111111' could not be found.",
    ),
    (OTHER_SUBSCRIPTION, "SubscriptionNotFound", "could not be found"),
    (
        f"{OTHER_SUBSCRIPTION}/resourceGroups/no/providers/Microsoft.Compute/disks/d",
        "SubscriptionNotFound",
        "could not be found",
    ),
    ("{s}/resourceGroups/no", "ResourceGroupNotFound", "Resource group 'no' could not be found."),
    ("{s}/resourceGroups/no/resources", "ResourceGroupNotFound", "Resource group 'no'"),
    ("{s}/resourceGroups/no" + MODEL_MANAGEMENT, "ResourceGroupNotFound", "Resource group 'no'"),
    ("{s}/resourceGroups/no" + MODEL_MANAGEMENT + "/a", "ResourceGroupNotFound", "Resource group 'no'"),
    ("{s}/resourceGroups/no" + ZONES + "/z.com/A/www", "ResourceGroupNotFound", "Resource group 'no'"),
    ("{g}" + ZONES + "/z.com/A/www", "ParentResourceNotFound", "Parent resource 'z.com' not found."),
    ("{g}" + ZONES + "/z.com/recordsets", "ParentResourceNotFound", "Parent resource 'z.com' not found."),
    (
        "{g}" + STORAGE + "/nothere/blobServices/default/containers/c",
        "ParentResourceNotFound",
        "Parent resource 'nothere' not found.",
    ),
    (
        "{g}" + MODEL_MANAGEMENT + "/a",
        "ResourceNotFound",
        "The Resource 'Microsoft.MachineLearningModelManagement/accounts/a' under resource group",
    ),
    ("{g}" + ZONES + "/z.com", "ResourceNotFound", "'Microsoft.Network/dnsZones/z.com'"),
    ("{g}" + STORAGE + "/nothere", "ResourceNotFound", "'Microsoft.Storage/storageAccounts/nothere'"),
    (
        "{g}/providers/Microsoft.Compute/disks/d",
        "InvalidResourceNamespace",
        "The resource namespace 'Microsoft.Compute' is invalid. Here there are Microsoft.Authorization, "
        "Microsoft.MachineLearningModelManagement, Microsoft.Network",
    ),
    (
        "{g}/providers/Microsoft.Network/loadBalancers/l",
        "InvalidResourceType",
        "The resource type 'loadBalancers' could not be found in the namespace 'Microsoft.Network'",
    ),
    ("{g}" + ZONES + "/z.com/TLSA/x", "InvalidResourceType", "The resource type 'dnsZones/TLSA'"),
    ("{s}/providers/Microsoft.Compute", "InvalidResourceNamespace", "'Microsoft.Compute' is invalid"),
    ("{s}/somewhere", "NotFound", "Nothing in Resource Manager answers at"),
]


@pytest.mark.parametrize(("path", "code", "message"), MISSING)
def test_what_is_missing_is_told_in_order(
    arm: ArmCaller, group: str, path: str, code: str, message: str
) -> None:
    status, found, words = refusal(arm("GET", path.format(s=arm.subscription, g=group)))
    assert (status, found) == (404, code)
    assert message in words


def test_verbs_that_a_path_does_not_take(arm: ArmCaller, group: str) -> None:
    answer = arm("POST", group, {})
    assert refusal(answer) == (
        405,
        "MethodNotAllowed",
        f"'{group}' does not take POST; it takes DELETE, GET, HEAD, PATCH, PUT.",
    )
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, PATCH, PUT"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"{", "Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"[]", "a JSON object is expected, not an array"),
        (b"\xff", "it is not UTF-8 at byte 0"),
        (b'{"location": NaN}', "NaN is no JSON value"),
        (b"[" * 100_000, "could not be read as JSON"),
        (b'{"tags": {"a": "\\ud800"}}', "half of a surrogate pair"),
        (b'{"tags": {"\\udfff": "a"}}', "half of a surrogate pair"),
        (b'{"properties": {"size": -1e999}}', "a number in it is too large"),
        (b'{"properties": ' + b"[" * 64 + b"]" * 64 + b"}", "nested deeper than 64 levels"),
    ],
)
def test_bodies_that_are_no_json(arm: ArmCaller, data: bytes, message: str) -> None:
    status, code, words = refusal(arm("PUT", f"{arm.subscription}/resourceGroups/broken", data=data))
    assert (status, code) == (400, "InvalidRequestContent")
    assert message in words


def test_characters_beyond_the_first_plane_are_kept(arm: ArmCaller, group: str) -> None:
    body = {"location": "eastus2", "tags": {"mood": "\U0001f600 \ud7ff"}}
    assert arm("PUT", group, data=json.dumps(body).encode()).json()["tags"] == body["tags"]
    assert arm("GET", group).json()["tags"] == body["tags"]


def test_body_that_is_too_large(arm: ArmCaller) -> None:
    path = f"{arm.subscription}/resourceGroups/large"
    answer = arm("PUT", path, data=b" " * (4 * 1024 * 1024 + 1))
    assert refusal(answer)[:2] == (413, "RequestContentTooLarge")
    assert "larger than 4194304 bytes" in refusal(answer)[2]


REFUSED_GROUPS: list[tuple[str, Any, int, str, str]] = [
    ("bad.", {"location": "eastus2"}, 400, "InvalidResourceGroup", "name 'bad.' is invalid"),
    ("a" * 91, {"location": "eastus2"}, 400, "InvalidResourceGroup", "it takes 1 to 90 letters"),
    ("sp ace", {"location": "eastus2"}, 400, "InvalidResourceGroup", "name 'sp ace' is invalid"),
    ("g", {}, 400, "LocationRequired", "The location property is required"),
    (
        "g",
        {"location": "atlantis"},
        400,
        "LocationNotAvailableForResourceGroup",
        "The provided location 'atlantis' is not available for resource group. List of available regions",
    ),
    ("g", {"location": "eastus2", "tags": {"a": 1}}, 400, "InvalidTags", "values are strings"),
    ("g", {"location": "eastus2", "tags": {"a<": "1"}}, 400, "InvalidTagNameCharacters", "'a<'"),
    ("g", {"location": "eastus2", "tags": {"a": "1" * 257}}, 400, "TagValueTooLong", "at most 256"),
    (
        "g",
        {"location": "eastus2", "tags": {str(number): "" for number in range(51)}},
        400,
        "TooManyTags",
        "There are 51 tags; a resource has at most 50.",
    ),
]


@pytest.mark.parametrize(("name", "body", "status", "code", "message"), REFUSED_GROUPS)
def test_groups(arm: ArmCaller, name: str, body: Any, status: int, code: str, message: str) -> None:
    answer = refusal(arm("PUT", f"{arm.subscription}/resourceGroups/{name}", body))
    assert answer[:2] == (status, code)
    assert message in answer[2]
    assert arm("HEAD", f"{arm.subscription}/resourceGroups/{name}").status_code == 404


REFUSED_ACCOUNTS: list[tuple[str, Any, int, str, str]] = [
    ("a", ACCOUNT, 400, "InvalidResourceName", "it takes 2 to 32 letters"),
    ("-ab", ACCOUNT, 400, "InvalidResourceName", "starts with a letter or digit"),
    ("a" * 33, ACCOUNT, 400, "InvalidResourceName", "it takes 2 to 32 letters"),
    ("acc", ACCOUNT | {"location": None}, 400, "LocationRequired", "location property is required"),
    (
        "acc",
        ACCOUNT | {"location": "West Europe"},
        400,
        "LocationNotAvailableForResourceType",
        "The provided location 'West Europe' is not available for resource type "
        "'Microsoft.MachineLearningModelManagement/accounts'. List of available regions for the resource "
        "type is 'eastus2'.",
    ),
    ("acc", {"location": "eastus2"}, 400, "InvalidSku", "give one of S1, S2, S3, DevTest"),
    ("acc", ACCOUNT | {"sku": {"name": "S4"}}, 400, "InvalidSku", "The sku name 'S4' is not available"),
    ("acc", ACCOUNT | {"sku": {"name": "S1", "capacity": 0}}, 400, "InvalidSku", "from 1 to 16"),
    ("acc", ACCOUNT | {"sku": {"name": "S1", "capacity": 17}}, 400, "InvalidSku", "from 1 to 16"),
    ("acc", ACCOUNT | {"sku": {"name": "S1", "capacity": True}}, 400, "InvalidSku", "capacity True"),
    ("acc", ACCOUNT | {"sku": {"name": "S1", "capacity": 1.5}}, 400, "InvalidSku", "capacity 1.5"),
    ("acc", ACCOUNT | {"sku": "S1"}, 400, "InvalidRequestContent", "'sku' must be a JSON object"),
    (
        "acc",
        ACCOUNT | {"properties": {"description": 1}},
        400,
        "InvalidRequestContent",
        "'properties.description' must be a string",
    ),
]


@pytest.mark.parametrize(("name", "body", "status", "code", "message"), REFUSED_ACCOUNTS)
def test_accounts(
    arm: ArmCaller, group: str, name: str, body: Any, status: int, code: str, message: str
) -> None:
    answer = refusal(arm("PUT", f"{group}{MODEL_MANAGEMENT}/{name}", body))
    assert answer[:2] == (status, code)
    assert message in answer[2]
    assert arm("GET", f"{group}{MODEL_MANAGEMENT}").json()["value"] == []


REFUSED_STORAGE: list[tuple[str, Any, int, str, str]] = [
    ("no", STORED, 400, "AccountNameInvalid", "no is not a valid storage account name."),
    ("UPPER", STORED, 400, "AccountNameInvalid", "lower-case letters only"),
    ("a" * 25, STORED, 400, "AccountNameInvalid", "between 3 and 24"),
    ("good", STORED | {"sku": {"name": "Fast"}}, 400, "InvalidRequestPropertyValue", "'sku.name'"),
    ("good", STORED | {"kind": None}, 400, "InvalidRequestPropertyValue", "property 'kind' is invalid"),
    (
        "good",
        STORED | {"location": "mars"},
        400,
        "LocationNotAvailableForResourceType",
        "The provided location 'mars'",
    ),
]


@pytest.mark.parametrize(("name", "body", "status", "code", "message"), REFUSED_STORAGE)
def test_storage_accounts(
    arm: ArmCaller, group: str, name: str, body: Any, status: int, code: str, message: str
) -> None:
    answer = refusal(arm("PUT", f"{group}{STORAGE}/{name}", body))
    assert answer[:2] == (status, code)
    assert message in answer[2]
    assert arm("GET", f"{group}{STORAGE}").json()["value"] == []


def test_a_resource_does_not_move(arm: ArmCaller, group: str) -> None:
    name = f"st{uuid.uuid4().hex[:10]}"
    assert arm("PUT", f"{group}{STORAGE}/{name}", STORED).status_code == 200
    status, code, words = refusal(arm("PUT", f"{group}{STORAGE}/{name}", STORED | {"location": "westus"}))
    assert (status, code) == (409, "InvalidResourceLocation")
    assert f"The resource '{name}' already exists in location 'eastus2'" in words
    status, code, words = refusal(arm("PUT", group, {"location": "westus"}))
    assert (status, code) == (409, "InvalidResourceGroupLocation")
    assert "already exists in location 'eastus2'" in words


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("$top=0", "InvalidTopParameter", "The $top '0' is not a whole number above 0."),
        ("$top=all", "InvalidTopParameter", "The $top 'all'"),
        ("$top=%D9%A1", "InvalidTopParameter", "The $top '\u0661'"),
        ("$skiptoken=%25", "InvalidSkipToken", "follow the nextLink as it is"),
        ("$filter=size+gt+3", "InvalidFilterInQueryString", "Invalid $filter 'size gt 3'"),
        ("$filter=name+eq+'a'+and", "InvalidFilterInQueryString", "Invalid $filter 'name eq 'a' and'"),
        ("$filter=tagValue+eq+'a'", "InvalidFilterInQueryString", "tagValue needs a tagName"),
    ],
)
def test_lists(arm: ArmCaller, group: str, query: str, code: str, message: str) -> None:
    status, found, words = refusal(arm("GET", f"{group}/resources", query=query))
    assert (status, found) == (400, code)
    assert message in words


@pytest.mark.parametrize("top", ["1" * 5000, "0" * 5000 + "1"])
def test_a_number_of_thousands_of_digits_is_a_number(arm: ArmCaller, group: str, top: str) -> None:
    assert arm("GET", f"{group}/resources", query=f"$top={top}").json() == {"value": []}
