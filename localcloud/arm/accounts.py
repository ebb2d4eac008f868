"""Model Management accounts: `Microsoft.MachineLearningModelManagement/accounts`, 2017-09-01-preview."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm import resources
from localcloud.arm.checks import location_of, object_of, same_location, tags_of
from localcloud.arm.groups import Removed
from localcloud.arm.lists import of_type, page
from localcloud.arm.paths import GROUP, SUBSCRIPTION, find_named, named, named_group
from localcloud.arm.providers import require_registered
from localcloud.arm.resources import Resource
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import REMOVALS, Route
from localcloud.whole_numbers import whole

NAMESPACE = "Microsoft.MachineLearningModelManagement"
SHOWN_TYPE = f"{NAMESPACE}/accounts"
TYPE = SHOWN_TYPE.lower()
LOCATIONS = ("eastus2",)
SKU_NAMES = ("S1", "S2", "S3", "DevTest")
MAX_CAPACITY = 16
DATA_PLANE_VERSION = "2018-04-01-preview"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,31}")
_COLLECTION = f"/providers/{SHOWN_TYPE}"
_ACCOUNT = GROUP + _COLLECTION + "/{account}"


@dataclass(frozen=True)
class Account:
    """An account, as far as the data plane needs to know it.

    Attributes:
        id: the account's resource ID in lower case: the key of its row.
        display_id: the resource ID as callers see it.
        capacity: how many units of its SKU it has, 1 to 16.
        sku_name: `S1`, `S2`, `S3` or `DevTest`; the latter has no FPGA services.
    """

    id: str
    display_id: str
    name: str
    group: str
    subscription_id: str
    location: str
    sku_name: str
    capacity: int


def find_account(db: sqlite3.Connection, subscription_id: str, group: str, name: str) -> Account:
    """The account that a call of the data plane names.

    Raises:
        CloudError: 404 SubscriptionNotFound, ResourceGroupNotFound or ResourceNotFound, in that order.
    """
    known = db.execute("SELECT subscription_id FROM tenant").fetchone()["subscription_id"]
    require_subscription(known, subscription_id)
    found = resources.require_group(db, subscription_id, group)
    account = resources.require(db, found, SHOWN_TYPE, name)
    return Account(
        id=account.id,
        display_id=account.display_id,
        name=account.name,
        group=found.name,
        subscription_id=found.subscription_id,
        location=account.body["location"],
        sku_name=account.body["sku"]["name"],
        capacity=account.body["sku"]["capacity"],
    )


def require_subscription(known: str, asked: str) -> None:
    """Refuses every subscription but the one there is.

    Raises:
        CloudError: 404 SubscriptionNotFound.
    """
    if asked.lower() != known:
        raise CloudError(404, "SubscriptionNotFound", f"The subscription '{asked}' could not be found.")


class Accounts:
    """The verbs of Model Management accounts.

    Args:
        removed: told of a deleted account: its models and services go with it.
    """

    def __init__(self, store: Store, removed: Removed) -> None:
        self._store = store
        self._removed = removed

    def routes(self) -> list[Route]:
        return [
            Route(SUBSCRIPTION + _COLLECTION, self._list),
            Route(GROUP + _COLLECTION, self._list),
            Route(_ACCOUNT, self._get),
            Route(_ACCOUNT, self._put, methods=["PUT"]),
            Route(_ACCOUNT, self._patch, methods=["PATCH"]),
            Route(_ACCOUNT, self._delete, methods=["DELETE"], lane=REMOVALS),
        ]

    def _list(self, request: Request) -> Response:
        with self._store.read() as db:
            found = of_type(db, request, TYPE)
        return page(request, found, lambda account: account.id, lambda account: _shown(request, account))

    def _get(self, request: Request) -> Response:
        with self._store.read() as db:
            account = named(db, request, SHOWN_TYPE, request.path_params["account"])
        return JSONResponse(_shown(request, account))

    def _put(self, request: Request) -> Response:
        name = request.path_params["account"]
        with self._store.write() as db:
            group = named_group(db, request)
            require_registered(db, group.subscription_id, NAMESPACE)
            if not NAME.fullmatch(name):
                raise CloudError(
                    400,
                    "InvalidResourceName",
                    f"The account name '{name}' is invalid: it takes 2 to 32 letters, digits, '-' and '_', "
                    "and starts with a letter or digit.",
                )
            body = json_body(body_of(request))
            location = location_of(body, SHOWN_TYPE, LOCATIONS)
            known = resources.find(db, resources.key(group, SHOWN_TYPE, name))
            if known is not None:
                same_location(known.body["location"], location, name, group.name)
            account = known or resources.new(group, SHOWN_TYPE, name)
            content = {
                "location": location,
                "tags": tags_of(body),
                "sku": _sku(body),
                "properties": _properties(body),
            }
            saved = resources.save(db, replace(account, body=content))
        return JSONResponse(_shown(request, saved), 200 if known else 201)

    def _patch(self, request: Request) -> Response:
        name = request.path_params["account"]
        body = json_body(body_of(request))
        with self._store.write() as db:
            group = named_group(db, request)
            account = resources.require(db, group, SHOWN_TYPE, name)
            if body.get("location") is not None:
                location = location_of(body, SHOWN_TYPE, LOCATIONS)
                same_location(account.body["location"], location, name, group.name)
            content = dict(account.body)
            if body.get("tags") is not None:
                content["tags"] = tags_of(body)
            if body.get("sku") is not None:
                content["sku"] = _sku({"sku": content["sku"] | object_of(body, "sku")})
            if body.get("properties") is not None:
                content["properties"] = content["properties"] | _properties(body)
            saved = resources.save(db, replace(account, body=content))
        return JSONResponse(_shown(request, saved))

    def _delete(self, request: Request) -> Response:
        with self._store.write() as db:
            account = find_named(db, request, SHOWN_TYPE, request.path_params["account"])
            if account is None:
                return Response(status_code=204)
            resources.delete(db, account)
            take_down = self._removed([account])
        take_down()
        return Response(status_code=200)


def _shown(request: Request, account: Resource) -> dict[str, Any]:
    """The account as answers have it, its data plane at the address that the caller has used."""
    subscription, group = account.display_id.split("/")[2], account.display_id.split("/")[4]
    swagger = (
        f"{request.state.base_url}/api/subscriptions/{subscription}/resourceGroups/{quote(group)}"
        f"/accounts/{account.name}/swagger.json?api-version={DATA_PLANE_VERSION}"
    )
    return {
        "id": account.display_id,
        "name": account.name,
        "type": SHOWN_TYPE,
        "location": account.body["location"],
        "tags": account.body["tags"],
        "sku": account.body["sku"],
        "etag": account.etag,
        "properties": account.properties
        | {
            "id": account.display_id,
            "createdOn": account.created_on,
            "modifiedOn": account.modified_on,
            "modelManagementSwaggerLocation": swagger,
            "provisioningState": "Succeeded",
        },
    }


def _sku(body: Mapping[str, Any]) -> dict[str, Any]:
    sku = object_of(body, "sku")
    names = {name.lower(): name for name in SKU_NAMES}
    name = sku.get("name")
    if not isinstance(name, str) or name.lower() not in names:
        raise CloudError(
            400, "InvalidSku", f"The sku name {name!r} is not available: give one of {', '.join(SKU_NAMES)}."
        )
    given = sku.get("capacity", 1)
    capacity = whole(given)
    if capacity is None or not 1 <= capacity <= MAX_CAPACITY:
        seen = given if capacity is None else capacity
        raise CloudError(
            400,
            "InvalidSku",
            f"The sku capacity {seen!r} must be a whole number from 1 to {MAX_CAPACITY}.",
        )
    return {"name": names[name.lower()], "capacity": capacity}


def _properties(body: Mapping[str, Any]) -> dict[str, Any]:
    description = object_of(body, "properties").get("description")
    if description is None:
        return {}
    if not isinstance(description, str):
        raise CloudError(
            400, "InvalidRequestContent", "The property 'properties.description' must be a string."
        )
    return {"description": description}
