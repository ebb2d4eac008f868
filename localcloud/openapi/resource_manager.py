"""Resource Manager described: subscriptions, providers, groups, and Model Management accounts. Pure."""

from __future__ import annotations

from typing import Any, Final

from localcloud.arm import accounts
from localcloud.arm.checks import MAX_TAG_VALUE, MAX_TAGS, REGIONS
from localcloud.arm.paths import GROUP, SUBSCRIPTION
from localcloud.openapi.parts import (
    PAGING,
    TEXT,
    TIME,
    UUID,
    Shape,
    array,
    one_of,
    operation,
    or_null,
    page,
    query,
    record,
    texts,
    whole,
)

TAGS: Final[Shape] = texts(maxProperties=MAX_TAGS) | {
    "additionalProperties": {"type": "string", "maxLength": MAX_TAG_VALUE}
}
FILTER: Final = query("$filter")
_ACCOUNTS: Final = f"/providers/{accounts.SHOWN_TYPE}"
_REGION: Final = one_of(*REGIONS)
_SKU: Final = record("name", name=one_of(*accounts.SKU_NAMES), capacity=whole(1, accounts.MAX_CAPACITY))
_DESCRIBED: Final = or_null(record(description=or_null(TEXT)))
_SUCCEEDED: Final = one_of("Succeeded")

PATHS: Final[dict[str, dict[str, Any]]] = {
    "/tenants": {"get": operation("Tenants_List", {200: "TenantPage"}, *PAGING)},
    "/subscriptions": {"get": operation("Subscriptions_List", {200: "SubscriptionPage"}, *PAGING)},
    SUBSCRIPTION: {"get": operation("Subscriptions_Get", {200: "Subscription"})},
    SUBSCRIPTION + "/locations": {
        "get": operation("Subscriptions_ListLocations", {200: "LocationPage"}, *PAGING)
    },
    SUBSCRIPTION + "/providers": {"get": operation("Providers_List", {200: "ProviderPage"}, *PAGING)},
    SUBSCRIPTION + "/providers/{namespace}": {"get": operation("Providers_Get", {200: "Provider"})},
    SUBSCRIPTION + "/providers/{namespace}/register": {
        "post": operation("Providers_Register", {200: "Provider"}, changes=True)
    },
    SUBSCRIPTION + "/providers/{namespace}/unregister": {
        "post": operation("Providers_Unregister", {200: "Provider"}, changes=True)
    },
    SUBSCRIPTION + "/resources": {
        "get": operation("Resources_List", {200: "ResourcePage"}, *PAGING, FILTER, query("$expand"))
    },
    SUBSCRIPTION + "/resourceGroups": {
        "get": operation("ResourceGroups_List", {200: "ResourceGroupPage"}, *PAGING, FILTER)
    },
    GROUP: {
        "get": operation("ResourceGroups_Get", {200: "ResourceGroup"}),
        "put": operation(
            "ResourceGroups_CreateOrUpdate",
            {200: "ResourceGroup", 201: "ResourceGroup"},
            body="ResourceGroupRequest",
            changes=True,
        ),
        "patch": operation("ResourceGroups_Update", {200: "ResourceGroup"}, body="TagsRequest", changes=True),
        "delete": operation("ResourceGroups_Delete", {200: None}, changes=True),
    },
    GROUP + "/resources": {
        "get": operation(
            "Resources_ListByResourceGroup", {200: "ResourcePage"}, *PAGING, FILTER, query("$expand")
        )
    },
    SUBSCRIPTION + _ACCOUNTS: {"get": operation("Accounts_List", {200: "AccountPage"}, *PAGING)},
    GROUP + _ACCOUNTS: {"get": operation("Accounts_ListByResourceGroup", {200: "AccountPage"}, *PAGING)},
    GROUP + _ACCOUNTS + "/{account}": {
        "get": operation("Accounts_Get", {200: "Account"}),
        "put": operation(
            "Accounts_CreateOrUpdate", {200: "Account", 201: "Account"}, body="AccountRequest", changes=True
        ),
        "patch": operation("Accounts_Update", {200: "Account"}, body="AccountChange", changes=True),
        "delete": operation("Accounts_Delete", {200: None, 204: None}, changes=True),
    },
}

REQUESTS: Final[dict[str, Shape]] = {
    "TagsRequest": record(tags=or_null(TAGS)),
    "ResourceGroupRequest": record("location", location=_REGION, tags=or_null(TAGS)),
    "AccountRequest": record(
        "location sku",
        location=one_of(*accounts.LOCATIONS),
        tags=or_null(TAGS),
        sku=_SKU,
        properties=_DESCRIBED,
    ),
    "AccountChange": record(
        location=or_null(one_of(*accounts.LOCATIONS)),
        tags=or_null(TAGS),
        sku=or_null(_SKU | {"required": []}),
        properties=_DESCRIBED,
    ),
}
ANSWERS: Final[dict[str, Shape]] = {
    "Tenant": record("id tenantId displayName", id=TEXT, tenantId=UUID, displayName=TEXT),
    "TenantPage": page("Tenant"),
    "Subscription": record(
        "id subscriptionId tenantId displayName state authorizationSource",
        id=TEXT,
        subscriptionId=UUID,
        tenantId=UUID,
        displayName=TEXT,
        state=one_of("Enabled"),
        authorizationSource=TEXT,
    ),
    "SubscriptionPage": page("Subscription"),
    "Location": record("id name displayName", id=TEXT, name=_REGION, displayName=TEXT),
    "LocationPage": page("Location"),
    "Provider": record(
        "id namespace registrationPolicy registrationState resourceTypes",
        id=TEXT,
        namespace=TEXT,
        registrationPolicy=TEXT,
        registrationState=one_of("Registered", "NotRegistered"),
        resourceTypes=array(
            record(
                "resourceType locations apiVersions",
                resourceType=TEXT,
                locations=array(TEXT),
                apiVersions=array(TEXT),
            )
        ),
    ),
    "ProviderPage": page("Provider"),
    "Resource": record(
        "id name type location tags",
        id=TEXT,
        name=TEXT,
        type=TEXT,
        location=TEXT,
        tags=texts(),
        sku={"type": "object"},
        kind=TEXT,
        createdTime=TIME,
        changedTime=TIME,
        provisioningState=_SUCCEEDED,
    ),
    "ResourcePage": page("Resource"),
    "ResourceGroup": record(
        "id name type location tags properties",
        id=TEXT,
        name=TEXT,
        type=one_of("Microsoft.Resources/resourceGroups"),
        location=_REGION,
        tags=texts(),
        properties=record("provisioningState", provisioningState=_SUCCEEDED),
    ),
    "ResourceGroupPage": page("ResourceGroup"),
    "Account": record(
        "id name type location tags sku etag properties",
        id=TEXT,
        name=TEXT,
        type=one_of(accounts.SHOWN_TYPE),
        location=one_of(*accounts.LOCATIONS),
        tags=texts(),
        sku=_SKU | {"required": ["name", "capacity"]},
        etag=TEXT,
        properties=record(
            "id createdOn modifiedOn modelManagementSwaggerLocation provisioningState",
            id=TEXT,
            description=TEXT,
            createdOn=TIME,
            modifiedOn=TIME,
            modelManagementSwaggerLocation={"type": "string", "format": "uri"},
            provisioningState=_SUCCEEDED,
        ),
    ),
    "AccountPage": page("Account"),
    "Error": record("error", error=record("code message", code=TEXT, message=TEXT)),
}
