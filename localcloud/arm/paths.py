"""Paths below which most of Resource Manager is, and the group and resource that a path names."""

from __future__ import annotations

import sqlite3
from typing import Final

from starlette.requests import Request

from localcloud.arm import resources
from localcloud.arm.resources import Group, Resource

SUBSCRIPTION: Final = "/subscriptions/{subscription}"
GROUP: Final = SUBSCRIPTION + "/resourceGroups/{group}"


def named_group(db: sqlite3.Connection, request: Request) -> Group:
    """The group of a path below `GROUP`.

    Raises:
        CloudError: 404 ResourceGroupNotFound.
    """
    return resources.require_group(db, request.path_params["subscription"], request.path_params["group"])


def find_named(db: sqlite3.Connection, request: Request, shown_type: str, name: str) -> Resource | None:
    """The resource of that type and name in the path's group; None where there is none.

    Raises:
        CloudError: 404 ResourceGroupNotFound.
    """
    return resources.find(db, resources.key(named_group(db, request), shown_type, name))


def named(db: sqlite3.Connection, request: Request, shown_type: str, name: str) -> Resource:
    """The resource of that type and name in the path's group.

    Raises:
        CloudError: 404 ResourceGroupNotFound or ResourceNotFound.
    """
    return resources.require(db, named_group(db, request), shown_type, name)
