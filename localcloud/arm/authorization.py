"""Role assignments and definitions: `Microsoft.Authorization`, api-version 2022-04-01."""

from __future__ import annotations

import re
import sqlite3
import uuid
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.access import principals, roles
from localcloud.access.principals import Assignment
from localcloud.access.roles import ROLES, Role
from localcloud.arm import resources
from localcloud.arm.checks import object_of
from localcloud.arm.lists import page, query_of
from localcloud.arm.paths import GROUP, SUBSCRIPTION
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import Route
from localcloud.identity.tenant import Tenant

NAMESPACE: Final = "Microsoft.Authorization"
ASSIGNMENTS: Final = f"/providers/{NAMESPACE}/roleAssignments"
DEFINITIONS: Final = f"/providers/{NAMESPACE}/roleDefinitions"
RESOURCE: Final = GROUP + "/providers/{resource:path}"
SCOPES: Final = (SUBSCRIPTION, GROUP, RESOURCE)
_FILTER: Final = re.compile(r"(atScope\(\))|(?:principalId eq|assignedTo\()\s*'([^']*)'\)?", re.IGNORECASE)
_DEFINITION: Final = re.compile(
    r"(?:/[^?#]*)?/providers/Microsoft\.Authorization/roleDefinitions/([^/]+)", re.I
)


class Authorization:
    """The verbs of role assignments, and the role definitions that there are."""

    def __init__(self, store: Store, tenant: Tenant) -> None:
        self._store = store
        self._tenant = tenant

    def routes(self) -> list[Route]:
        found = []
        for scope in SCOPES:
            one = f"{scope}{ASSIGNMENTS}/{{assignment}}"
            found += [
                Route(scope + ASSIGNMENTS, self._list),
                Route(one, self._get),
                Route(one, self._put, methods=["PUT"]),
                Route(one, self._delete, methods=["DELETE"]),
                Route(scope + DEFINITIONS, self._list_definitions),
                Route(f"{scope}{DEFINITIONS}/{{definition}}", self._get_definition),
            ]
        return found

    def _list(self, request: Request) -> Response:
        """Those over the scope, above and below it: `atScope()` leaves out what is below."""
        at_scope, client = _wanted(query_of(request).get("$filter"))
        with self._store.read() as db:
            scope = self._scope(db, request)
            found = [
                one
                for one in principals.assignments(db)
                if (roles.covers(one.scope, scope) or (not at_scope and roles.covers(scope, one.scope)))
                and client in (None, one.client_id)
            ]
            return page(request, found, _key, lambda one: self._shown(db, one))

    def _get(self, request: Request) -> Response:
        with self._store.read() as db:
            scope = self._scope(db, request)
            found = _find(db, _name(request))
            if found is None or found.scope != scope:
                raise CloudError(
                    404,
                    "RoleAssignmentNotFound",
                    f"The role assignment '{request.path_params['assignment']}' is not found.",
                )
            return JSONResponse(self._shown(db, found))

    def _put(self, request: Request) -> Response:
        name = _name(request)
        wanted = object_of(json_body(body_of(request)), "properties")
        role = _role(wanted.get("roleDefinitionId"))
        client_id = wanted.get("principalId")
        if not isinstance(client_id, str):
            raise CloudError(
                400, "InvalidRequestContent", "The property 'properties.principalId' must be a string."
            )
        _require_plain(wanted)
        with self._store.write() as db:
            scope = self._scope(db, request)
            principal = principals.of_client(db, client_id.lower())
            if principal is None:
                raise CloudError(
                    400,
                    "PrincipalNotFound",
                    f"Principal {client_id} does not exist in the directory {self._tenant.tenant_id}. "
                    "`fpga cloud principal add` makes one.",
                )
            before = _find(db, name)
            same = (scope, role, principal.client_id)
            if before is not None and (before.scope, before.role, before.client_id) != same:
                raise CloudError(
                    400,
                    "RoleAssignmentUpdateNotPermitted",
                    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                )
            others = [one for one in principals.assignments(db) if one.name != name]
            if any((one.scope, one.role, one.client_id) == same for one in others):
                raise CloudError(409, "RoleAssignmentExists", "The role assignment already exists.")
            principals.assign(db, principal.client_id, role, scope, name)
            made = _find(db, name)
            assert made is not None  # noqa: S101 - written just now
            return JSONResponse(self._shown(db, made), 200 if before else 201)

    def _delete(self, request: Request) -> Response:
        with self._store.write() as db:
            scope = self._scope(db, request)
            found = _find(db, _name(request))
            if found is None or found.scope != scope:
                return Response(status_code=204)
            if principals.stays(db, found):
                raise CloudError(
                    409,
                    "CannotDeleteLastRbacAdminRoleAssignment",
                    "Deleting the last RBAC admin assignment is not supported: the client that this "
                    "localcloud was made with stays its owner.",
                )
            shown = self._shown(db, found)
            principals.unassign(db, found.name)
            return JSONResponse(shown)

    def _list_definitions(self, request: Request) -> Response:
        wanted = re.fullmatch(r"roleName eq '([^']*)'", query_of(request).get("$filter", ""), re.IGNORECASE)
        with self._store.read() as db:
            self._scope(db, request)
        found = [one for one in ROLES.values() if wanted is None or one.name.lower() == wanted[1].lower()]
        return page(request, sorted(found, key=lambda one: one.id), lambda one: one.id, self._definition)

    def _get_definition(self, request: Request) -> Response:
        with self._store.read() as db:
            self._scope(db, request)
        asked = request.path_params["definition"]
        if asked.lower() not in ROLES:
            raise CloudError(
                404,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{asked}' does not exist.",
            )
        return JSONResponse(self._definition(ROLES[asked.lower()]))

    def _scope(self, db: sqlite3.Connection, request: Request) -> str:
        """The scope of a request, in lower case.

        Raises:
            CloudError: 404: there is no such group or resource.
        """
        path = request.path_params
        if "group" not in path:
            return f"/subscriptions/{self._tenant.subscription_id}"
        group = resources.require_group(db, path["subscription"], path["group"])
        if "resource" not in path:
            return group.id
        asked = f"{group.id}/providers/{path['resource']}".lower()
        if not principals.is_scope(db, asked):
            raise CloudError(
                404,
                "ResourceNotFound",
                f"The Resource '{path['resource']}' under resource group '{group.name}' was not found.",
            )
        return asked

    def _shown(self, db: sqlite3.Connection, one: Assignment) -> dict[str, Any]:
        scope = self._shown_scope(db, one.scope)
        return {
            "id": f"{scope}{ASSIGNMENTS}/{one.name}",
            "name": one.name,
            "type": f"{NAMESPACE}/roleAssignments",
            "properties": {
                "roleDefinitionId": self._definition_id(one.role),
                "principalId": one.client_id,
                "principalType": "ServicePrincipal",
                "scope": scope,
                "createdOn": one.created_on,
                "updatedOn": one.created_on,
            },
        }

    def _shown_scope(self, db: sqlite3.Connection, scope: str) -> str:
        """A scope as callers see it: with the names as they were first written."""
        resource = resources.find(db, scope)
        if resource is not None:
            return resource.display_id
        parts = scope.split("/")
        group = resources.find_group(db, parts[2], parts[4]) if len(parts) == 5 else None
        return scope if group is None else group.display_id

    def _definition(self, role: Role) -> dict[str, Any]:
        return {
            "id": self._definition_id(role),
            "name": role.id,
            "type": f"{NAMESPACE}/roleDefinitions",
            "properties": {
                "roleName": role.name,
                "type": "BuiltInRole" if role.is_built_in else "CustomRole",
                "description": role.description,
                "assignableScopes": ["/"],
                "permissions": [
                    {
                        "actions": list(role.actions),
                        "notActions": list(role.not_actions),
                        "dataActions": [],
                        "notDataActions": [],
                    }
                ],
            },
        }

    def _definition_id(self, role: Role) -> str:
        return f"/subscriptions/{self._tenant.subscription_id}{DEFINITIONS}/{role.id}"


def _key(one: Assignment) -> str:
    """In the order of the list; an assignment is seen by who may read it at its scope."""
    return f"{one.scope}{ASSIGNMENTS}/{one.name}".lower()


def _find(db: sqlite3.Connection, name: str) -> Assignment | None:
    return next((one for one in principals.assignments(db) if one.name == name), None)


def _name(request: Request) -> str:
    asked: str = request.path_params["assignment"]
    try:
        found = str(uuid.UUID(asked))
    except ValueError:
        found = ""
    if found != asked.lower():
        raise CloudError(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{asked}' is not valid: it must be a GUID.",
        )
    return found


def _role(definition: object) -> Role:
    found = _DEFINITION.fullmatch(definition) if isinstance(definition, str) else None
    if found is None or found[1].lower() not in ROLES:
        there = ", ".join(f"{role.id} ({role.name})" for role in ROLES.values())
        raise CloudError(
            400,
            "InvalidRoleDefinitionId",
            f"The role definition ID '{definition}' is not valid: it is "
            f"/subscriptions/SUBSCRIPTION{DEFINITIONS}/ID, with one of {there}.",
        )
    return ROLES[found[1].lower()]


def _require_plain(wanted: dict[str, Any]) -> None:
    """Refuses an assignment that would give less, or to another kind, than one that is made here does.

    Raises:
        CloudError: 400.
    """
    if wanted.get("condition") is not None:
        raise CloudError(
            400,
            "RoleAssignmentConditionNotSupported",
            "The property 'properties.condition' is not supported: the role would be given without it.",
        )
    kind = wanted.get("principalType")
    if kind is not None and str(kind).lower() != "serviceprincipal":
        raise CloudError(
            400,
            "UnmatchedPrincipalType",
            f"The property 'properties.principalType' is '{kind}', and all principals here are of the type "
            "ServicePrincipal.",
        )


def _wanted(text: str | None) -> tuple[bool, str | None]:
    """Of a list: whether what is below the scope is left out, and whose alone are asked for."""
    if not text:
        return False, None
    at_scope, client = False, None
    for clause in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE):
        found = _FILTER.fullmatch(clause)
        if found is None:
            raise CloudError(
                400,
                "InvalidFilterInQueryString",
                f"Invalid $filter '{text}' specified in the query string: atScope(), principalId eq 'ID' and "
                "assignedTo('ID') are supported, joined by 'and'.",
            )
        if found[1]:
            at_scope = True
        else:
            client = found[2].lower()
    return at_scope, client
