"""The action and the scope of each route, in Azure's names: one table. Pure.

Source: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations. The data
plane of Model Management is named as its account's children.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final


class Reach(Enum):
    """Where a role has to reach for an action."""

    SCOPE = "the scope itself"
    LIST = "the scope, or anything below it: a list shows what may be read"
    ANY = "anything below the scope"
    SIGNED_IN = "nothing: whoever has a token may"


@dataclass(frozen=True)
class Action:
    """An action, and the scope that it is over: a resource ID with the names of its route in it."""

    name: str
    scope: str
    reach: Reach = Reach.SCOPE

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing, and tells no key."""
        return self.name.endswith("/read") and not self.name.endswith("/keys/read")

    def of(self, names: Mapping[str, str]) -> Action:
        """The action of one request, by the names in its path."""
        plain = {name: value.upper() if name == "kind" else value for name, value in names.items()}
        return replace(self, name=self.name.format_map(plain), scope=self.scope.format_map(names))


Verbs = dict[str, Action]

_SUBSCRIPTION: Final = "/subscriptions/{subscription}"
_GROUP: Final = _SUBSCRIPTION + "/resourceGroups/{group}"
_ACCOUNT_TYPE: Final = "Microsoft.MachineLearningModelManagement/accounts"
_ZONE_TYPE: Final = "Microsoft.Network/dnsZones"
_STORAGE_TYPE: Final = "Microsoft.Storage/storageAccounts"
_CONTAINER_TYPE: Final = f"{_STORAGE_TYPE}/blobServices/containers"
_GROUP_TYPE: Final = "Microsoft.Resources/subscriptions/resourceGroups"
_ACCOUNT: Final = f"{_GROUP}/providers/{_ACCOUNT_TYPE}/{{account}}"
_ZONE: Final = f"{_GROUP}/providers/{_ZONE_TYPE}/{{zone}}"
_STORAGE: Final = f"{_GROUP}/providers/{_STORAGE_TYPE}/{{account}}"
_BLOBS: Final = f"{_STORAGE}/blobServices"
_CONTAINERS: Final = f"{_BLOBS}/default/containers"
_DATA_PLANE: Final = "/api/subscriptions/{subscription}/resourcegroups/{group}/accounts/{account}"


def _verbs(kind: str, scope: str, *, patch: bool = True) -> Verbs:
    """The verbs of a resource."""
    write = Action(f"{kind}/write", scope)
    found = {"GET": Action(f"{kind}/read", scope), "PUT": write, "DELETE": Action(f"{kind}/delete", scope)}
    return found | ({"PATCH": write} if patch else {})


def _list(kind: str, scope: str) -> Verbs:
    return {"GET": Action(f"{kind}/read", scope, Reach.LIST)}


def _lists(kind: str) -> dict[str, Verbs]:
    """The lists of a type, in the subscription and in a group."""
    return {f"{scope}/providers/{kind}": _list(kind, scope) for scope in (_SUBSCRIPTION, _GROUP)}


def _any(name: str) -> Verbs:
    return {"GET": Action(name, _SUBSCRIPTION, Reach.ANY)}


def _post(name: str, scope: str) -> Verbs:
    return {"POST": Action(name, scope)}


def _signed_in(name: str) -> Verbs:
    return {"GET": Action(name, "/", Reach.SIGNED_IN)}


def _authorization() -> dict[str, Verbs]:
    found: dict[str, Verbs] = {}
    for scope in (_SUBSCRIPTION, _GROUP, f"{_GROUP}/providers/{{resource:path}}"):
        named = scope.replace(":path", "")
        kind, path = "Microsoft.Authorization/roleAssignments", f"{scope}/providers/Microsoft.Authorization"
        found[f"{path}/roleAssignments"] = _list(kind, named)
        found[f"{path}/roleAssignments/{{assignment}}"] = _verbs(kind, named, patch=False)
        definitions = {"GET": Action("Microsoft.Authorization/roleDefinitions/read", named)}
        found[f"{path}/roleDefinitions"] = definitions
        found[f"{path}/roleDefinitions/{{definition}}"] = definitions
    return found


TABLE: Final[dict[str, Verbs]] = {
    "/openapi.json": _signed_in("Microsoft.Resources/openApi/read"),
    "/tenants": _signed_in("Microsoft.Resources/tenants/read"),
    "/subscriptions": _signed_in("Microsoft.Resources/subscriptions/read"),
    _SUBSCRIPTION: _any("Microsoft.Resources/subscriptions/read"),
    f"{_SUBSCRIPTION}/locations": _any("Microsoft.Resources/subscriptions/locations/read"),
    f"{_SUBSCRIPTION}/providers": _any("Microsoft.Resources/subscriptions/providers/read"),
    f"{_SUBSCRIPTION}/providers/{{namespace}}": _any("Microsoft.Resources/subscriptions/providers/read"),
    f"{_SUBSCRIPTION}/providers/{{namespace}}/register": _post("{namespace}/register/action", _SUBSCRIPTION),
    f"{_SUBSCRIPTION}/providers/{{namespace}}/unregister": _post(
        "{namespace}/unregister/action", _SUBSCRIPTION
    ),
    f"{_SUBSCRIPTION}/resourceGroups": _list(_GROUP_TYPE, _SUBSCRIPTION),
    f"{_SUBSCRIPTION}/resources": _list("Microsoft.Resources/subscriptions/resources", _SUBSCRIPTION),
    f"{_GROUP}/resources": _list(f"{_GROUP_TYPE}/resources", _GROUP),
    _GROUP: _verbs(_GROUP_TYPE, _GROUP),
    **_lists(_ACCOUNT_TYPE),
    _ACCOUNT: _verbs(_ACCOUNT_TYPE, _ACCOUNT),
    **_lists(_ZONE_TYPE),
    _ZONE: _verbs(_ZONE_TYPE, _ZONE),
    f"{_ZONE}/{{kind}}": _list(f"{_ZONE_TYPE}/{{kind}}", _ZONE),
    f"{_ZONE}/{{kind}}/{{name}}": _verbs(f"{_ZONE_TYPE}/{{kind}}", f"{_ZONE}/{{kind}}/{{name}}"),
    **_lists(_STORAGE_TYPE),
    f"{_SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability": _post(
        "Microsoft.Storage/checknameavailability/read", _SUBSCRIPTION
    ),
    _STORAGE: _verbs(_STORAGE_TYPE, _STORAGE),
    f"{_STORAGE}/listKeys": _post(f"{_STORAGE_TYPE}/listKeys/action", _STORAGE),
    f"{_STORAGE}/regenerateKey": _post(f"{_STORAGE_TYPE}/regenerateKey/action", _STORAGE),
    _BLOBS: {"GET": Action(f"{_STORAGE_TYPE}/blobServices/read", _STORAGE)},
    f"{_BLOBS}/default": {"GET": Action(f"{_STORAGE_TYPE}/blobServices/read", f"{_BLOBS}/default")},
    _CONTAINERS: {"GET": Action(f"{_CONTAINER_TYPE}/read", f"{_BLOBS}/default")},
    f"{_CONTAINERS}/{{container}}": _verbs(_CONTAINER_TYPE, f"{_CONTAINERS}/{{container}}"),
    f"{_DATA_PLANE}/models": {
        "GET": Action(f"{_ACCOUNT_TYPE}/models/read", _ACCOUNT),
        "POST": Action(f"{_ACCOUNT_TYPE}/models/write", _ACCOUNT),
    },
    f"{_DATA_PLANE}/models/{{id}}": {
        "GET": Action(f"{_ACCOUNT_TYPE}/models/read", f"{_ACCOUNT}/models/{{id}}"),
        "DELETE": Action(f"{_ACCOUNT_TYPE}/models/delete", f"{_ACCOUNT}/models/{{id}}"),
    },
    f"{_DATA_PLANE}/services": {
        "GET": Action(f"{_ACCOUNT_TYPE}/services/read", _ACCOUNT),
        "POST": Action(f"{_ACCOUNT_TYPE}/services/write", _ACCOUNT),
    },
    f"{_DATA_PLANE}/services/{{id}}": _verbs(f"{_ACCOUNT_TYPE}/services", f"{_ACCOUNT}/services/{{id}}"),
    f"{_DATA_PLANE}/services/{{id}}/keys": {
        "GET": Action(f"{_ACCOUNT_TYPE}/services/keys/read", f"{_ACCOUNT}/services/{{id}}")
    },
    f"{_DATA_PLANE}/services/{{id}}/regeneratekeys": _post(
        f"{_ACCOUNT_TYPE}/services/regenerateKeys/action", f"{_ACCOUNT}/services/{{id}}"
    ),
    f"{_DATA_PLANE}/operations/{{id}}": {
        "GET": Action(f"{_ACCOUNT_TYPE}/operations/read", f"{_ACCOUNT}/operations/{{id}}")
    },
    **_authorization(),
    f"{_DATA_PLANE}/swagger.json": {"GET": Action(f"{_ACCOUNT_TYPE}/read", _ACCOUNT)},
}


def of_route(path: str, method: str) -> Action:
    """The action of a route by its path, with a name for each that varies; HEAD is GET without content.

    Raises:
        KeyError: the table has none: nobody may.
    """
    return TABLE[path]["GET" if method == "HEAD" else method]
