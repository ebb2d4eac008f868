"""Paths below which most of Resource Manager is, and the group that a request's path names."""

from __future__ import annotations

import sqlite3
from typing import Final

from starlette.requests import Request

from localcloud.arm import resources
from localcloud.arm.resources import Group

SUBSCRIPTION: Final = "/subscriptions/{subscription}"
GROUP: Final = SUBSCRIPTION + "/resourceGroups/{group}"


def named_group(db: sqlite3.Connection, request: Request) -> Group:
    """The group of a path below `GROUP`.

    Raises:
        CloudError: 404 ResourceGroupNotFound.
    """
    return resources.require_group(db, request.path_params["subscription"], request.path_params["group"])
