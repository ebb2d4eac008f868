"""Resource providers: which namespaces and types there are, and their registration."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm.checks import REGIONS
from localcloud.arm.lists import page
from localcloud.arm.paths import SUBSCRIPTION
from localcloud.datafolder.store import Store
from localcloud.dns.record_types import TYPES
from localcloud.errors import CloudError
from localcloud.http.lanes import Route


@dataclass(frozen=True)
class ResourceType:
    """A type that a provider has: its name below the namespace, where it may be, its API versions."""

    name: str
    locations: Sequence[str]
    api_versions: Sequence[str]


_DNS_VERSIONS = ("2018-05-01", "2023-07-01-preview")
_STORAGE_VERSIONS = ("2017-10-01", "2021-04-01", "2024-01-01")
PROVIDERS: dict[str, tuple[ResourceType, ...]] = {
    "Microsoft.Authorization": (
        ResourceType("roleAssignments", (), ("2022-04-01",)),
        ResourceType("roleDefinitions", (), ("2022-04-01",)),
    ),
    "Microsoft.MachineLearningModelManagement": (
        ResourceType("accounts", ("eastus2",), ("2017-09-01-preview",)),
    ),
    "Microsoft.Network": (
        ResourceType("dnsZones", ("global",), _DNS_VERSIONS),
        *(ResourceType(f"dnsZones/{record}", ("global",), _DNS_VERSIONS) for record in TYPES),
    ),
    "Microsoft.Resources": (
        ResourceType("subscriptions", (), ("2016-06-01", "2022-12-01")),
        ResourceType("resourceGroups", REGIONS, ("2021-04-01", "2024-03-01")),
    ),
    "Microsoft.Storage": (
        ResourceType("storageAccounts", REGIONS, _STORAGE_VERSIONS),
        ResourceType("storageAccounts/blobServices", (), _STORAGE_VERSIONS),
        ResourceType("storageAccounts/blobServices/containers", (), _STORAGE_VERSIONS),
    ),
}
"""Every namespace and type that answers here. API versions are those that were tried; others work too."""

_FREE = "Microsoft.Authorization"
"""Needs no registration."""
_SHOWN = {
    f"{namespace}/{kind.name}".lower(): f"{namespace}/{kind.name}"
    for namespace, kinds in PROVIDERS.items()
    for kind in kinds
}


def shown_type(lower_type: str) -> str:
    """A type as Azure writes it, from its lower-case form."""
    return _SHOWN[lower_type]


def unknown_type(path: str) -> CloudError:
    """The 404 for a path that no route takes: it says which namespaces or types there are."""
    segments = path.strip("/").split("/")
    lower = [segment.lower() for segment in segments]
    if "providers" not in lower or lower.index("providers") + 1 == len(segments):
        return CloudError(404, "NotFound", f"Nothing in Resource Manager answers at '{path}'.")
    namespace, *rest = segments[lower.index("providers") + 1 :]
    known = {name.lower(): name for name in PROVIDERS}
    if namespace.lower() not in known:
        return CloudError(
            404,
            "InvalidResourceNamespace",
            f"The resource namespace '{namespace}' is invalid. Here there are {', '.join(PROVIDERS)}.",
        )
    namespace = known[namespace.lower()]
    kind = "/".join(rest[::2])
    types = ", ".join(entry.name for entry in PROVIDERS[namespace])
    return CloudError(
        404,
        "InvalidResourceType",
        f"The resource type '{kind}' could not be found in the namespace '{namespace}', or does not take "
        f"what follows it. Here there are {types}.",
    )


def require_registered(db: sqlite3.Connection, subscription_id: str, namespace: str) -> None:
    """Refuses to make resources of a provider that was unregistered.

    Raises:
        CloudError: 409 MissingSubscriptionRegistration.
    """
    if not _is_registered(db, subscription_id, namespace):
        raise CloudError(
            409,
            "MissingSubscriptionRegistration",
            f"The subscription is not registered to use namespace '{namespace}'. "
            f"POST /subscriptions/{subscription_id}/providers/{namespace}/register registers it.",
        )


class Providers:
    """The verbs of `/subscriptions/S/providers`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            Route(SUBSCRIPTION + "/providers", self._list),
            Route(SUBSCRIPTION + "/providers/{namespace}", self._get),
            Route(SUBSCRIPTION + "/providers/{namespace}/register", self._register, methods=["POST"]),
            Route(SUBSCRIPTION + "/providers/{namespace}/unregister", self._unregister, methods=["POST"]),
        ]

    def _list(self, request: Request) -> Response:
        subscription = request.path_params["subscription"].lower()
        with self._store.read() as db:
            return page(
                request, sorted(PROVIDERS), lambda name: name, lambda name: _shown(db, subscription, name)
            )

    def _get(self, request: Request) -> Response:
        with self._store.read() as db:
            return JSONResponse(_shown(db, request.path_params["subscription"].lower(), _namespace(request)))

    def _register(self, request: Request) -> Response:
        subscription, namespace = request.path_params["subscription"].lower(), _namespace(request)
        with self._store.write() as db:
            db.execute(
                "INSERT OR IGNORE INTO provider_registrations VALUES (?, ?)",
                (subscription, namespace.lower()),
            )
            return JSONResponse(_shown(db, subscription, namespace))

    def _unregister(self, request: Request) -> Response:
        subscription, namespace = request.path_params["subscription"].lower(), _namespace(request)
        with self._store.write() as db:
            used = db.execute(
                "SELECT display_id FROM resources WHERE substr(type, 1, ?) = ? LIMIT 1",
                (len(namespace) + 1, f"{namespace.lower()}/"),
            ).fetchone()
            if used:
                raise CloudError(
                    409,
                    "CannotUnregisterNamespaceWithResources",
                    f"The namespace '{namespace}' cannot be unregistered while it has resources, "
                    f"such as '{used['display_id']}'.",
                )
            db.execute(
                "DELETE FROM provider_registrations WHERE subscription_id = ? AND namespace = ?",
                (subscription, namespace.lower()),
            )
            return JSONResponse(_shown(db, subscription, namespace))


def _namespace(request: Request) -> str:
    asked: str = request.path_params["namespace"]
    for namespace in PROVIDERS:
        if namespace.lower() == asked.lower():
            return namespace
    raise unknown_type(request.scope["path"])


def _is_registered(db: sqlite3.Connection, subscription_id: str, namespace: str) -> bool:
    key = (subscription_id.lower(), namespace.lower())
    query = "SELECT 1 FROM provider_registrations WHERE subscription_id = ? AND namespace = ?"
    return db.execute(query, key).fetchone() is not None


def _shown(db: sqlite3.Connection, subscription: str, namespace: str) -> dict[str, Any]:
    registered = namespace == _FREE or _is_registered(db, subscription, namespace)
    return {
        "id": f"/subscriptions/{subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationFree" if namespace == _FREE else "RegistrationRequired",
        "registrationState": "Registered" if registered else "NotRegistered",
        "resourceTypes": [
            {
                "resourceType": kind.name,
                "locations": list(kind.locations),
                "apiVersions": sorted(kind.api_versions, reverse=True),
            }
            for kind in PROVIDERS[namespace]
        ],
    }
