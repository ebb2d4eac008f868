"""Resource groups, and the lists of all that is in a group or a subscription."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm import resources
from localcloud.arm.checks import REGIONS, plain_location, tags_of
from localcloud.arm.lists import page, parse_filter, query_of
from localcloud.arm.paths import GROUP, SUBSCRIPTION
from localcloud.arm.providers import shown_type
from localcloud.arm.resources import Group, Resource
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import REMOVALS, Route

_NAME = re.compile(r"[-\w.()]{0,89}[-\w()]")

Removed = Callable[[Sequence[Resource]], Callable[[], None]]
"""Told of resources in the transaction that deletes their rows, to delete in it what belongs to them. Gives
what takes down what they stood for, to be called after the commit. Whoever serves them finds out by itself
after a crash in between."""


class Groups:
    """The verbs of `Microsoft.Resources/resourceGroups`.

    Args:
        removed: told of everything that was in a deleted group.
    """

    def __init__(self, store: Store, removed: Removed) -> None:
        self._store = store
        self._removed = removed

    def routes(self) -> list[Route]:
        return [
            Route(SUBSCRIPTION + "/resourceGroups", self._list),
            Route(GROUP, self._get),
            Route(GROUP, self._put, methods=["PUT"]),
            Route(GROUP, self._patch, methods=["PATCH"]),
            Route(GROUP, self._delete, methods=["DELETE"], lane=REMOVALS),
            Route(GROUP + "/resources", self._list_resources),
            Route(SUBSCRIPTION + "/resources", self._list_resources),
        ]

    def _list(self, request: Request) -> Response:
        subscription = request.path_params["subscription"].lower()
        wanted = parse_filter(query_of(request).get("$filter"))
        with self._store.read() as db:
            rows = db.execute("SELECT * FROM resource_groups ORDER BY id").fetchall()
        groups = [
            group
            for group in map(resources.group_of, rows)
            if group.subscription_id == subscription
            and wanted.admits(type=_TYPE, name=group.name, location=group.location, tags=group.tags)
        ]
        return page(request, groups, lambda group: group.id, _shown)

    def _get(self, request: Request) -> Response:
        subscription, name = request.path_params["subscription"], request.path_params["group"]
        with self._store.read() as db:
            return JSONResponse(_shown(resources.require_group(db, subscription, name)))

    def _put(self, request: Request) -> Response:
        subscription, name = request.path_params["subscription"].lower(), request.path_params["group"]
        if not _NAME.fullmatch(name):
            raise CloudError(
                400,
                "InvalidResourceGroup",
                f"The provided resource group name '{name}' is invalid: it takes 1 to 90 letters, digits, "
                "'-', '.', '(', ')' or '_', and does not end with '.'.",
            )
        body = json_body(body_of(request))
        tags = tags_of(body)
        location = _location(body)
        with self._store.write() as db:
            group = resources.find_group(db, subscription, name)
            if group is not None and group.location != location:
                raise CloudError(
                    409,
                    "InvalidResourceGroupLocation",
                    f"Invalid resource group location '{location}'. The Resource group already exists in "
                    f"location '{group.location}'.",
                )
            db.execute(
                "INSERT INTO resource_groups VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET tags = excluded.tags",
                (resources.group_id(subscription, name), name, location, json.dumps(tags), resources.now()),
            )
            return JSONResponse(
                _shown(resources.require_group(db, subscription, name)), 200 if group else 201
            )

    def _patch(self, request: Request) -> Response:
        subscription, name = request.path_params["subscription"], request.path_params["group"]
        body = json_body(body_of(request))
        with self._store.write() as db:
            group = resources.require_group(db, subscription, name)
            if body.get("tags") is not None:
                db.execute(
                    "UPDATE resource_groups SET tags = ? WHERE id = ?", (json.dumps(tags_of(body)), group.id)
                )
            return JSONResponse(_shown(resources.require_group(db, subscription, name)))

    def _delete(self, request: Request) -> Response:
        subscription, name = request.path_params["subscription"], request.path_params["group"]
        with self._store.write() as db:
            group = resources.require_group(db, subscription, name)
            found = resources.listing(db, group=group.id)
            db.execute("DELETE FROM resource_groups WHERE id = ?", (group.id,))
            take_down = self._removed(found)
        take_down()
        return Response(status_code=200)

    def _list_resources(self, request: Request) -> Response:
        """Top-level resources of a group or the subscription, without their properties."""
        subscription, name = request.path_params["subscription"], request.path_params.get("group")
        query = query_of(request)
        wanted = parse_filter(query.get("$filter"))
        expanded = {word.strip().lower() for word in query.get("$expand", "").split(",")}
        with self._store.read() as db:
            if name is None:
                found = resources.listing(db, subscription=subscription)
            else:
                found = resources.listing(db, group=resources.require_group(db, subscription, name).id)
        top_level = [
            resource
            for resource in found
            if resource.parent_id is None
            and wanted.admits(
                type=resource.type,
                name=resource.name,
                location=resource.body.get("location", ""),
                tags=resource.body.get("tags", {}),
            )
        ]
        return page(
            request, top_level, lambda resource: resource.id, lambda resource: _outline(resource, expanded)
        )


_TYPE = "Microsoft.Resources/resourceGroups"


def _location(body: Mapping[str, Any]) -> str:
    location = body.get("location")
    if not isinstance(location, str) or not location.strip():
        raise CloudError(400, "LocationRequired", "The location property is required for this definition.")
    if plain_location(location) not in REGIONS:
        raise CloudError(
            400,
            "LocationNotAvailableForResourceGroup",
            f"The provided location '{location}' is not available for resource group. "
            f"List of available regions is '{','.join(REGIONS)}'.",
        )
    return plain_location(location)


def _shown(group: Group) -> dict[str, Any]:
    return {
        "id": group.display_id,
        "name": group.name,
        "type": _TYPE,
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": "Succeeded"},
    }


def _outline(resource: Resource, expanded: set[str]) -> dict[str, Any]:
    shown = {"id": resource.display_id, "name": resource.name, "type": shown_type(resource.type)}
    shown |= {key: value for key, value in resource.body.items() if key != "properties"}
    extras = {
        "createdtime": ("createdTime", resource.created_on),
        "changedtime": ("changedTime", resource.modified_on),
        "provisioningstate": ("provisioningState", "Succeeded"),
    }
    return shown | dict(value for word, value in extras.items() if word in expanded)
