"""Storage accounts: `Microsoft.Storage/storageAccounts`, api-versions 2017-10-01 and later. Blobs only."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm import resources
from localcloud.arm.checks import REGIONS, location_of, same_location, tags_of
from localcloud.arm.lists import of_type, page
from localcloud.arm.paths import GROUP, SUBSCRIPTION, find_named, named, named_group
from localcloud.arm.providers import require_registered
from localcloud.arm.resources import Resource
from localcloud.arm.storage.blobs import Blobs
from localcloud.arm.storage.key_rows import make_keys
from localcloud.arm.storage.rules import kind_of, name_problem, properties_of, sku_of
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import BLOBS, Route

NAMESPACE = "Microsoft.Storage"
SHOWN_TYPE = f"{NAMESPACE}/storageAccounts"
TYPE = SHOWN_TYPE.lower()
_COLLECTION = f"/providers/{SHOWN_TYPE}"
ACCOUNT = GROUP + _COLLECTION + "/{account}"

log = logging.getLogger(__name__)


class StorageAccounts:
    """The verbs of storage accounts.

    Args:
        blobs: serves them; None: this localcloud runs without blob storage, and makes no accounts.
    """

    def __init__(self, store: Store, blobs: Blobs | None) -> None:
        self._store = store
        self._blobs = blobs

    def routes(self) -> list[Route]:
        return [
            Route(SUBSCRIPTION + _COLLECTION, self._list),
            Route(GROUP + _COLLECTION, self._list),
            Route(
                SUBSCRIPTION + f"/providers/{NAMESPACE}/checkNameAvailability",
                self._check_name,
                methods=["POST"],
            ),
            Route(ACCOUNT, self._get),
            Route(ACCOUNT, self._put, methods=["PUT"], lane=BLOBS),
            Route(ACCOUNT, self._patch, methods=["PATCH"]),
            Route(ACCOUNT, self._delete, methods=["DELETE"], lane=BLOBS),
        ]

    def serve(self) -> None:
        """Has the blob service follow the database.

        Raises:
            CloudError: 503 ServiceUnavailable: it does not answer now; the caller may try again.
        """
        if self._blobs is not None:
            self._blobs.serve_accounts()

    def forget_deleted(self) -> None:
        """Has the blob service drop accounts that are gone: now, or as soon as it answers again."""
        if self._blobs is not None:
            try:
                self._blobs.serve_accounts()
            except CloudError as error:
                log.warning("%s", error)

    def _list(self, request: Request) -> Response:
        with self._store.read() as db:
            found = of_type(db, request, TYPE)
        return page(request, found, lambda account: account.id, self._shown)

    def _check_name(self, request: Request) -> Response:
        name = json_body(body_of(request)).get("name")
        if not isinstance(name, str):
            raise CloudError(400, "InvalidRequestContent", "The property 'name' must be a string.")
        with self._store.read() as db:
            problems = (("AccountNameInvalid", name_problem(name)), ("AlreadyExists", _taken(db, name)))
        for reason, message in problems:
            if message is not None:
                return JSONResponse({"nameAvailable": False, "reason": reason, "message": message})
        return JSONResponse({"nameAvailable": True})

    def _get(self, request: Request) -> Response:
        with self._store.read() as db:
            return JSONResponse(self._shown(existing(db, request)))

    def _put(self, request: Request) -> Response:
        name = request.path_params["account"]
        with self._store.write() as db:
            group = named_group(db, request)
            require_registered(db, group.subscription_id, NAMESPACE)
            problem = name_problem(name)
            if problem is not None:
                raise CloudError(400, "AccountNameInvalid", problem)
            if self._blobs is None:
                raise CloudError(
                    400,
                    "BlobStorageNotAvailable",
                    "This localcloud was started without blob storage: start it with --node and --azurite.",
                )
            body = json_body(body_of(request))
            location = location_of(body, SHOWN_TYPE, REGIONS)
            known = resources.find(db, resources.key(group, SHOWN_TYPE, name))
            if known is not None:
                same_location(known.body["location"], location, name, group.name)
            elif taken := _taken(db, name):
                raise CloudError(409, "StorageAccountAlreadyTaken", taken)
            account = known or resources.new(group, SHOWN_TYPE, name)
            content = {
                "location": location,
                "tags": tags_of(body),
                "sku": sku_of(body),
                "kind": kind_of(body),
                "properties": properties_of(body),
            }
            saved = resources.save(db, replace(account, body=content))
            if known is None:
                make_keys(db, saved)
        # Also for one that exists: a caller whose first answer was an error comes again.
        self.serve()
        return JSONResponse(self._shown(saved))

    def _patch(self, request: Request) -> Response:
        body = json_body(body_of(request))
        with self._store.write() as db:
            account = existing(db, request)
            content = dict(account.body)
            if body.get("tags") is not None:
                content["tags"] = tags_of(body)
            if body.get("sku") is not None:
                content["sku"] = sku_of(body)
            if body.get("kind") is not None:
                content["kind"] = kind_of(body)
            content["properties"] = content["properties"] | properties_of(body)
            saved = resources.save(db, replace(account, body=content))
        return JSONResponse(self._shown(saved))

    def _delete(self, request: Request) -> Response:
        with self._store.write() as db:
            account = find_account(db, request)
            if account is None:
                return Response(status_code=204)
            resources.delete(db, account)
        self.forget_deleted()
        return Response(status_code=200)

    def _shown(self, account: Resource) -> dict[str, Any]:
        computed: dict[str, Any] = {
            "provisioningState": "Succeeded",
            "creationTime": account.created_on,
            "primaryLocation": account.body["location"],
            "statusOfPrimary": "available",
        }
        if self._blobs is not None:
            computed["primaryEndpoints"] = {"blob": self._blobs.endpoint(account.name)}
        return {
            "id": account.display_id,
            "name": account.name,
            "type": SHOWN_TYPE,
            "location": account.body["location"],
            "tags": account.body["tags"],
            "sku": account.body["sku"],
            "kind": account.body["kind"],
            "properties": {"supportsHttpsTrafficOnly": True} | account.properties | computed,
        }


def existing(db: sqlite3.Connection, request: Request) -> Resource:
    """The storage account of a request's path.

    Raises:
        CloudError: 404 ResourceGroupNotFound or ResourceNotFound.
    """
    return named(db, request, SHOWN_TYPE, request.path_params["account"])


def find_account(db: sqlite3.Connection, request: Request) -> Resource | None:
    """The storage account of a request's path, for what is below it.

    Raises:
        CloudError: 404 ResourceGroupNotFound.
    """
    return find_named(db, request, SHOWN_TYPE, request.path_params["account"])


def _taken(db: sqlite3.Connection, name: str) -> str | None:
    """Names are one space for all groups: they are part of the accounts' addresses."""
    query = "SELECT 1 FROM resources WHERE type = ? AND name = ? COLLATE NOCASE"
    if db.execute(query, (TYPE, name)).fetchone() is None:
        return None
    return f"The storage account named {name} is already taken."
