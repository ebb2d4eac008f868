"""Role assignments and definitions described. Pure."""

from __future__ import annotations

from typing import Any, Final

from localcloud.access.roles import ROLES
from localcloud.arm.authorization import ASSIGNMENTS, DEFINITIONS, NAMESPACE, SCOPES
from localcloud.openapi.parts import (
    PAGING,
    TEXT,
    TIME,
    UUID,
    Shape,
    array,
    one_of,
    operation,
    page,
    query,
    record,
)

_OF: Final = ("Subscription", "ResourceGroup", "Resource")


def _paths(scope: str, of: str) -> dict[str, dict[str, Any]]:
    filtered = query("$filter")
    return {
        scope + ASSIGNMENTS: {
            "get": operation(f"RoleAssignments_ListFor{of}", {200: "RoleAssignmentPage"}, *PAGING, filtered)
        },
        f"{scope}{ASSIGNMENTS}/{{assignment}}": {
            "get": operation(f"RoleAssignments_GetFor{of}", {200: "RoleAssignment"}),
            "put": operation(
                f"RoleAssignments_CreateFor{of}",
                {200: "RoleAssignment", 201: "RoleAssignment"},
                body="RoleAssignmentRequest",
                changes=True,
            ),
            "delete": operation(
                f"RoleAssignments_DeleteFor{of}", {200: "RoleAssignment", 204: None}, changes=True
            ),
        },
        scope + DEFINITIONS: {
            "get": operation(f"RoleDefinitions_ListFor{of}", {200: "RoleDefinitionPage"}, *PAGING, filtered)
        },
        f"{scope}{DEFINITIONS}/{{definition}}": {
            "get": operation(f"RoleDefinitions_GetFor{of}", {200: "RoleDefinition"})
        },
    }


PATHS: Final[dict[str, dict[str, Any]]] = {
    path: verbs
    for scope, of in zip(SCOPES, _OF, strict=True)
    for path, verbs in _paths(scope.replace(":path", ""), of).items()
}
REQUESTS: Final[dict[str, Shape]] = {
    "RoleAssignmentRequest": record(
        "properties",
        properties=record("roleDefinitionId principalId", roleDefinitionId=TEXT, principalId=UUID),
    ),
}
ANSWERS: Final[dict[str, Shape]] = {
    "RoleAssignment": record(
        "id name type properties",
        id=TEXT,
        name=UUID,
        type=one_of(f"{NAMESPACE}/roleAssignments"),
        properties=record(
            "roleDefinitionId principalId principalType scope createdOn updatedOn",
            roleDefinitionId=TEXT,
            principalId=UUID,
            principalType=one_of("ServicePrincipal"),
            scope=TEXT,
            createdOn=TIME,
            updatedOn=TIME,
        ),
    ),
    "RoleAssignmentPage": page("RoleAssignment"),
    "RoleDefinition": record(
        "id name type properties",
        id=TEXT,
        name=one_of(*ROLES),
        type=one_of(f"{NAMESPACE}/roleDefinitions"),
        properties=record(
            "roleName type description assignableScopes permissions",
            roleName=TEXT,
            type=one_of("BuiltInRole", "CustomRole"),
            description=TEXT,
            assignableScopes=array(TEXT),
            permissions=array(
                record(
                    "actions notActions dataActions notDataActions",
                    actions=array(TEXT),
                    notActions=array(TEXT),
                    dataActions=array(TEXT),
                    notDataActions=array(TEXT),
                )
            ),
        ),
    ),
    "RoleDefinitionPage": page("RoleDefinition"),
}
