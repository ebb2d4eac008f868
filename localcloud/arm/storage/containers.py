"""Blob containers: `Microsoft.Storage/storageAccounts/blobServices/containers`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm import resources
from localcloud.arm.checks import object_of
from localcloud.arm.lists import page
from localcloud.arm.resources import Resource
from localcloud.arm.storage.accounts import ACCOUNT, SHOWN_TYPE, find_account
from localcloud.arm.storage.blobs import Blobs, Container
from localcloud.arm.storage.key_rows import keys_of
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import BLOBS, Route

MAX_METADATA = 8 * 1024
"""In bytes, all headers together that it travels in."""
MAX_METADATA_NAMES = 64
"""Clients read no answer that has more than a hundred headers."""
PUBLIC_ACCESS = ("None", "Blob", "Container")
_SERVICES = ACCOUNT + "/blobServices"
_CONTAINERS = _SERVICES + "/default/containers"
_CONTAINER = _CONTAINERS + "/{container}"
_NAME = re.compile(r"\$root|\$web|(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")


class Containers:
    """The verbs of containers, and the blob service as a resource of its account."""

    def __init__(self, store: Store, blobs: Blobs | None) -> None:
        self._store = store
        self._blobs = blobs

    def routes(self) -> list[Route]:
        if self._blobs is None:  # then there are no accounts that could have containers
            return []
        return [
            Route(_SERVICES, self._list_services),
            Route(_SERVICES + "/default", self._get_service),
            Route(_CONTAINERS, self._list, lane=BLOBS),
            Route(_CONTAINER, self._get, lane=BLOBS),
            Route(_CONTAINER, self._put, methods=["PUT"], lane=BLOBS),
            Route(_CONTAINER, self._patch, methods=["PATCH"], lane=BLOBS),
            Route(_CONTAINER, self._delete, methods=["DELETE"], lane=BLOBS),
        ]

    @property
    def _service(self) -> Blobs:
        assert self._blobs is not None  # noqa: S101 - without it there are no routes
        return self._blobs

    def _list_services(self, request: Request) -> Response:
        account, _ = self._account(request)
        return page(request, [account], lambda item: item.id, _service_shown)

    def _get_service(self, request: Request) -> Response:
        account, _ = self._account(request)
        return JSONResponse(_service_shown(account))

    def _list(self, request: Request) -> Response:
        account, key = self._account(request)
        found = self._service.containers(account.name, key)
        return page(request, found, lambda item: item.name, lambda item: _shown(account, item))

    def _get(self, request: Request) -> Response:
        account, key = self._account(request)
        name = _name(request)
        return _answer(account, self._service.container(account.name, key, name), name, 200)

    def _put(self, request: Request) -> Response:
        account, key = self._account(request)
        name = _name(request)
        access, metadata = _wanted(json_body(body_of(request)) if body_of(request).strip() else {})
        is_new = self._service.create(account.name, key, name)
        changed = self._service.change(account.name, key, name, access, metadata)
        return _answer(account, changed, name, 201 if is_new else 200)

    def _patch(self, request: Request) -> Response:
        account, key = self._account(request)
        name = _name(request)
        access, metadata = _wanted(json_body(body_of(request)))
        return _answer(account, self._service.change(account.name, key, name, access, metadata), name, 200)

    def _delete(self, request: Request) -> Response:
        account, key = self._account(request)
        found = self._service.delete(account.name, key, _name(request))
        return Response(status_code=200 if found else 204)

    def _account(self, request: Request) -> tuple[Resource, str]:
        """The account and its first key.

        Raises:
            CloudError: 404 ResourceGroupNotFound or ParentResourceNotFound.
        """
        with self._store.read() as db:
            account = find_account(db, request)
            if account is None:
                raise resources.missing_parent(request.path_params["account"])
            return account, keys_of(db, account)[0]


def _name(request: Request) -> str:
    """The container's name in a request's path.

    Raises:
        CloudError: 400 InvalidResourceName: no container can have it, and the blob service is not asked.
    """
    name: str = request.path_params["container"]
    if not _NAME.fullmatch(name):
        raise CloudError(
            400,
            "InvalidResourceName",
            f"The container name '{name}' is invalid: it takes 3 to 63 lower-case letters, digits and "
            "single hyphens, and starts and ends with a letter or digit.",
        )
    return name


def _wanted(body: Mapping[str, Any]) -> tuple[str | None, dict[str, str] | None]:
    """Public access and metadata that a body asks for; None: nothing is said of it."""
    properties = object_of(body, "properties")
    access = properties.get("publicAccess")
    if access is not None and access not in PUBLIC_ACCESS:
        raise CloudError(
            400,
            "InvalidRequestPropertyValue",
            f"The value {access!r} for property 'publicAccess' is invalid: give one of "
            f"{', '.join(PUBLIC_ACCESS)}.",
        )
    metadata = properties.get("metadata")
    if metadata is None:
        return access, None
    named = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
    if not isinstance(metadata, dict) or not all(
        named.fullmatch(name) and isinstance(value, str) and re.fullmatch(r"[ -~]*", value)
        for name, value in metadata.items()
    ):
        raise CloudError(
            400,
            "InvalidRequestPropertyValue",
            "The property 'metadata' must be an object: identifiers as names, printable ASCII as values.",
        )
    if len({name.lower() for name in metadata}) < len(metadata):
        raise CloudError(
            400,
            "InvalidRequestPropertyValue",
            "The property 'metadata' has a name twice: names are the same whatever their case.",
        )
    size = sum(len(f"x-ms-meta-{name}") + len(value) for name, value in metadata.items())
    if size > MAX_METADATA or len(metadata) > MAX_METADATA_NAMES:
        raise CloudError(
            400,
            "MetadataTooLarge",
            f"The metadata has {len(metadata)} names and {size} bytes; at most {MAX_METADATA_NAMES} names "
            f"and {MAX_METADATA} bytes are allowed.",
        )
    return access, metadata


def _answer(account: Resource, container: Container | None, name: str, status: int) -> Response:
    if container is None:
        raise CloudError(
            404,
            "ResourceNotFound",
            f"The container '{name}' of the storage account '{account.name}' was not found.",
        )
    return JSONResponse(_shown(account, container), status, headers={"ETag": f'"{container.etag}"'})


def _service_shown(account: Resource) -> dict[str, Any]:
    return {
        "id": f"{account.display_id}/blobServices/default",
        "name": "default",
        "type": f"{SHOWN_TYPE}/blobServices",
        "sku": account.body["sku"],
        "properties": {"cors": {"corsRules": []}, "deleteRetentionPolicy": {"enabled": False}},
    }


def _shown(account: Resource, container: Container) -> dict[str, Any]:
    return {
        "id": f"{account.display_id}/blobServices/default/containers/{container.name}",
        "name": container.name,
        "type": f"{SHOWN_TYPE}/blobServices/containers",
        "etag": container.etag,
        "properties": {
            "publicAccess": container.public_access,
            "metadata": container.metadata,
            "lastModifiedTime": container.modified_on,
            "leaseState": "Available",
            "leaseStatus": "Unlocked",
            "hasImmutabilityPolicy": False,
            "hasLegalHold": False,
        },
    }
