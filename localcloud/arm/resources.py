"""The rows behind Resource Manager: groups and resources, found in the order in which Azure misses them."""

from __future__ import annotations

import datetime
import json
import sqlite3
import uuid
from dataclasses import dataclass, replace
from typing import Any

from localcloud.errors import CloudError


@dataclass(frozen=True)
class Group:
    """A resource group. `id` is the key, in lower case; `display_id` the ID as callers see it."""

    id: str
    display_id: str
    subscription_id: str
    name: str
    location: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Resource:
    """A resource of any kind.

    Attributes:
        id: its resource ID in lower case, the key.
        display_id: its resource ID as it was first written.
        type: in lower case, e.g. `microsoft.network/dnszones/a`.
        body: location, tags, sku, kind, properties, as far as the kind has them.
        etag: another one after each change.
        created_on, modified_on: RFC 3339, UTC.
    """

    id: str
    display_id: str
    group_id: str
    parent_id: str | None
    type: str
    name: str
    body: dict[str, Any]
    etag: str = ""
    created_on: str = ""
    modified_on: str = ""

    @property
    def properties(self) -> dict[str, Any]:
        """The body's properties, or none."""
        properties: dict[str, Any] = self.body.get("properties", {})
        return properties


def now() -> str:
    """The time as Resource Manager writes it: RFC 3339, UTC, microseconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def group_id(subscription_id: str, name: str) -> str:
    """The key of a group."""
    return f"/subscriptions/{subscription_id}/resourcegroups/{name}".lower()


def find_group(db: sqlite3.Connection, subscription_id: str, name: str) -> Group | None:
    """The group of that name, whatever its case."""
    row = db.execute(
        "SELECT * FROM resource_groups WHERE id = ?", (group_id(subscription_id, name),)
    ).fetchone()
    return None if row is None else group_of(row)


def group_of(row: sqlite3.Row) -> Group:
    """A group from its row."""
    subscription_id = row["id"].split("/")[2]
    display_id = f"/subscriptions/{subscription_id}/resourceGroups/{row['name']}"
    return Group(
        row["id"], display_id, subscription_id, row["name"], row["location"], json.loads(row["tags"])
    )


def require_group(db: sqlite3.Connection, subscription_id: str, name: str) -> Group:
    """The group of that name.

    Raises:
        CloudError: 404 ResourceGroupNotFound.
    """
    group = find_group(db, subscription_id, name)
    if group is None:
        raise CloudError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    return group


def key(group: Group, shown_type: str, name: str) -> str:
    """The key of a resource directly in a group, of a type such as `Microsoft.Network/dnsZones`."""
    return f"{group.id}/providers/{shown_type}/{name}".lower()


def new(group: Group, shown_type: str, name: str) -> Resource:
    """A resource directly in a group, still without a body, and not saved."""
    return Resource(
        id=key(group, shown_type, name),
        display_id=f"{group.display_id}/providers/{shown_type}/{name}",
        group_id=group.id,
        parent_id=None,
        type=shown_type.lower(),
        name=name,
        body={},
    )


def find(db: sqlite3.Connection, resource_id: str) -> Resource | None:
    """The resource of that ID, whatever its case."""
    row = db.execute("SELECT * FROM resources WHERE id = ?", (resource_id.lower(),)).fetchone()
    return None if row is None else resource_of(row)


def require(db: sqlite3.Connection, group: Group, shown_type: str, name: str) -> Resource:
    """The resource of that type and name directly in a group.

    Raises:
        CloudError: 404 ResourceNotFound.
    """
    resource = find(db, key(group, shown_type, name))
    if resource is None:
        raise CloudError(
            404,
            "ResourceNotFound",
            f"The Resource '{shown_type}/{name}' under resource group '{group.name}' was not found.",
        )
    return resource


def missing_parent(name: str) -> CloudError:
    """The 404 of whatever is done below a resource that is not there."""
    return CloudError(
        404,
        "ParentResourceNotFound",
        f"Can not perform requested operation on nested resource. Parent resource '{name}' not found.",
    )


def resource_of(row: sqlite3.Row) -> Resource:
    """A resource from its row."""
    values = dict(row)
    return Resource(**values | {"body": json.loads(values["body"])})


def listing(
    db: sqlite3.Connection,
    *,
    type: str | None = None,
    group: str | None = None,
    parent: str | None = None,
    subscription: str | None = None,
) -> list[Resource]:
    """Resources in the order of their IDs.

    Args:
        type: of this type alone, in lower case.
        group: of this group, by its key.
        parent: directly below this resource, by its key; None: of any level.
        subscription: of this subscription's ID.
    """
    conditions = {"type = ?": type, "group_id = ?": group, "parent_id = ?": parent}
    if subscription is not None:
        # A range of the key, which its index serves; '0' follows '/'.
        prefix = f"/subscriptions/{subscription}".lower()
        conditions |= {"id > ?": f"{prefix}/", "id < ?": f"{prefix}0"}
    where = [condition for condition, value in conditions.items() if value is not None]
    values = [value for value in conditions.values() if value is not None]
    # The conditions are this function's own; what callers give goes in as parameters.
    query = f"SELECT * FROM resources WHERE {' AND '.join(where) or 'TRUE'} ORDER BY id"  # noqa: S608
    return [resource_of(row) for row in db.execute(query, values)]


def save(db: sqlite3.Connection, resource: Resource) -> Resource:
    """Writes a resource, new or changed, and returns it with a new etag and its times."""
    time = now()
    saved = replace(
        resource, etag=str(uuid.uuid4()), created_on=resource.created_on or time, modified_on=time
    )
    db.execute(
        "INSERT INTO resources (id, display_id, group_id, parent_id, type, name, body, etag, created_on,"
        " modified_on) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " body = excluded.body, etag = excluded.etag, modified_on = excluded.modified_on",
        (
            saved.id,
            saved.display_id,
            saved.group_id,
            saved.parent_id,
            saved.type,
            saved.name,
            json.dumps(saved.body),
            saved.etag,
            saved.created_on,
            saved.modified_on,
        ),
    )
    return saved


def delete(db: sqlite3.Connection, resource: Resource) -> None:
    """Deletes a resource and all below it."""
    db.execute("DELETE FROM resources WHERE id = ?", (resource.id,))
