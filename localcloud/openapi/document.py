"""The OpenAPI 3.1 document of all that localcloud answers to over HTTPS. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from localcloud.access.roles import ROLES
from localcloud.arm.accounts import NAME as ACCOUNT_NAME
from localcloud.arm.paths import SUBSCRIPTION
from localcloud.arm.providers import PROVIDERS
from localcloud.dns.record_types import TYPES
from localcloud.openapi import authorization, data_plane, dns_zones, resource_manager, sign_in, storage
from localcloud.openapi.parts import (
    API_VERSION,
    REQUEST_ID_HEADERS,
    TEXT,
    UUID,
    Shape,
    answer,
    closed,
    one_of,
    operation,
    refusals,
)

PATH: Final = "/openapi.json"
_PARTS: Final = (sign_in, resource_manager, authorization, dns_zones, storage, data_plane)
_PATHS: Final[dict[str, dict[str, Any]]] = {
    PATH: {"get": operation("OpenApi_Get", {200: "OpenApi"})},
    **{path: verbs for part in _PARTS for path, verbs in part.PATHS.items()},
}
_NAMES: Final[dict[str, Shape]] = {
    "subscription": UUID,
    "tenant": UUID,
    "account": {"type": "string", "pattern": f"^{ACCOUNT_NAME.pattern}$"},
    "namespace": one_of(*PROVIDERS),
    "kind": one_of(*TYPES),
    "assignment": UUID,
    "definition": one_of(*ROLES),
}
_WITHOUT_API_VERSION: Final = (PATH, *sign_in.PATHS)


def document(base_url: str, version: str | None, *, has_blobs: bool) -> dict[str, Any]:
    """The description.

    Args:
        base_url: where localcloud answers, `https://host:port`.
        version: of the localcloud, such as 0.1.0; None: it does not know.
        has_blobs: whether it runs with blob storage: without, nothing answers for containers.
    """
    paths = _PATHS | (storage.CONTAINER_PATHS if has_blobs else {})
    requests = {name: shape for part in _PARTS for name, shape in part.REQUESTS.items()}
    answers = {name: shape for part in _PARTS for name, shape in part.ANSWERS.items()}
    answers["OpenApi"] = {"type": "object", "description": "This document."}
    token_url = f"{base_url}{next(path for path in sign_in.PATHS if path.endswith('/v2.0/token'))}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "localcloud", "version": version or "unknown"},
        "servers": [{"url": base_url}],
        "security": [{"azure_auth": []}],
        "paths": {path: _path(path, paths[path]) for path in sorted(paths)},
        "components": {
            "schemas": requests | closed(answers),
            "responses": refusals() | {"Empty": answer("As GET answers, without content.", None)},
            "headers": {name: {"required": True, "schema": TEXT} for name in REQUEST_ID_HEADERS},
            "securitySchemes": {
                "azure_auth": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": {}}},
                }
            },
        },
    }


def _path(path: str, verbs: dict[str, Any]) -> dict[str, Any]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": _NAMES.get(name, TEXT)}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    versioned = [] if path in _WITHOUT_API_VERSION else [API_VERSION]
    described = {"parameters": [*named, *versioned]} | verbs
    if "get" in verbs:
        described["head"] = _head(path, verbs["get"])
    return described


def _head(path: str, get: dict[str, Any]) -> dict[str, Any]:
    """HEAD of a path that takes GET: the same without content; Resource Manager has 204 for what is there."""
    is_manager = path.startswith((SUBSCRIPTION.partition("{")[0].rstrip("/"), "/tenants"))
    statuses = ("204" if is_manager and status == "200" else status for status in get["responses"])
    responses = {status: {"$ref": "#/components/responses/Empty"} for status in statuses}
    return get | {"operationId": f"{get['operationId']}Head", "responses": responses}
