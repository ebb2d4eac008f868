"""Everything that a reader must not do: each request by its method and path, its action and its scope.

Written down a second time, and not made of the table that is tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_SUBSCRIPTION: Final = "/subscriptions/{subscription}"
_GROUP: Final = _SUBSCRIPTION + "/resourceGroups/{group}"
_ACCOUNT_TYPE: Final = "Microsoft.MachineLearningModelManagement/accounts"
_ACCOUNT: Final = f"{_GROUP}/providers/{_ACCOUNT_TYPE}/{{account}}"
_DATA: Final = "/api/subscriptions/{subscription}/resourcegroups/{group}/accounts/{account}"
_ZONE: Final = _GROUP + "/providers/Microsoft.Network/dnsZones/{zone}"
_STORAGE: Final = _GROUP + "/providers/Microsoft.Storage/storageAccounts/{storage}"
_CONTAINER: Final = _STORAGE + "/blobServices/default/containers/{container}"
_ASSIGNMENT: Final = "/providers/Microsoft.Authorization/roleAssignments/{assignment}"
_GROUPS: Final = "Microsoft.Resources/subscriptions/resourceGroups"
_CONTAINERS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers"
_ROLES: Final = "Microsoft.Authorization/roleAssignments"


@dataclass(frozen=True)
class Refused:
    """A request, and what its refusal names."""

    method: str
    path: str
    action: str
    scope: str

    def of(self, names: Mapping[str, str]) -> Refused:
        """The request for resources of these names."""
        return Refused(
            self.method,
            self.path.format_map(names),
            self.action.format_map(names),
            self.scope.format_map(names),
        )


def _resource(path: str, kind: str, *, patch: bool = True) -> Iterator[Refused]:
    """Writing and deleting a resource, by all verbs that it has."""
    for method in ("PUT", "PATCH") if patch else ("PUT",):
        yield Refused(method, path, f"{kind}/write", path)
    yield Refused("DELETE", path, f"{kind}/delete", path)


def _roles() -> Iterator[Refused]:
    for scope in (_SUBSCRIPTION, _GROUP, _ACCOUNT, _ZONE, _STORAGE):
        for method, verb in (("PUT", "write"), ("DELETE", "delete")):
            yield Refused(method, scope + _ASSIGNMENT, f"{_ROLES}/{verb}", scope)


def _data_plane() -> Iterator[Refused]:
    service, model = f"{_ACCOUNT}/services/{{service}}", f"{_ACCOUNT}/models/{{model}}"
    services, models = f"{_ACCOUNT_TYPE}/services", f"{_ACCOUNT_TYPE}/models"
    yield Refused("POST", f"{_DATA}/models", f"{models}/write", _ACCOUNT)
    yield Refused("DELETE", f"{_DATA}/models/{{model}}", f"{models}/delete", model)
    yield Refused("POST", f"{_DATA}/services", f"{services}/write", _ACCOUNT)
    for method in ("PUT", "PATCH"):
        yield Refused(method, f"{_DATA}/services/{{service}}", f"{services}/write", service)
    yield Refused("DELETE", f"{_DATA}/services/{{service}}", f"{services}/delete", service)
    yield Refused("GET", f"{_DATA}/services/{{service}}/keys", f"{services}/keys/read", service)
    again = f"{_DATA}/services/{{service}}/regenerateKeys"
    yield Refused("POST", again, f"{services}/regenerateKeys/action", service)


REFUSALS: Final = (
    *_resource(_GROUP, _GROUPS),
    *_resource(_ACCOUNT, _ACCOUNT_TYPE),
    *_resource(_ZONE, "Microsoft.Network/dnsZones"),
    *_resource(f"{_ZONE}/A/{{record}}", "Microsoft.Network/dnsZones/A"),
    *_resource(f"{_ZONE}/TXT/_acme-challenge", "Microsoft.Network/dnsZones/TXT"),
    *_resource(_STORAGE, "Microsoft.Storage/storageAccounts"),
    *_resource(_CONTAINER, _CONTAINERS),
    Refused("POST", f"{_STORAGE}/listKeys", "Microsoft.Storage/storageAccounts/listKeys/action", _STORAGE),
    Refused(
        "POST",
        f"{_STORAGE}/regenerateKey",
        "Microsoft.Storage/storageAccounts/regenerateKey/action",
        _STORAGE,
    ),
    *_data_plane(),
    *_roles(),
    Refused(
        "POST",
        f"{_SUBSCRIPTION}/providers/Microsoft.Network/register",
        "Microsoft.Network/register/action",
        _SUBSCRIPTION,
    ),
    Refused(
        "POST",
        f"{_SUBSCRIPTION}/providers/Microsoft.Network/unregister",
        "Microsoft.Network/unregister/action",
        _SUBSCRIPTION,
    ),
)
