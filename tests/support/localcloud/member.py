"""A caller of a localcloud that signs in as a principal of its own, and what it is refused."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, Final

from localcloud.access import administration
from localcloud.access.roles import Role
from localcloud.server import Cloud
from tests.support.localcloud.arm_caller import ArmCaller

ASSIGNMENTS: Final = "/providers/Microsoft.Authorization/roleAssignments"


class Member(ArmCaller):
    """A caller that signs in as a principal of its own."""

    def __init__(
        self, cloud: Cloud, *given: Role, scope: str | None = None, client_id: str | None = None
    ) -> None:
        super().__init__(cloud)
        self.data = cloud.settings.data
        self.name = f"p-{uuid.uuid4().hex[:8]}"
        self.secrets: list[str] = []
        principal = administration.add(
            self.data, self.name, given, scope, self.secrets.append, client_id=client_id
        )
        self.status = replace(self.status, client_id=principal.client_id)

    @property
    def secret(self) -> str:
        return self.secrets[-1]

    def close(self) -> None:
        super().close()
        if any(known.principal.name == self.name for known in administration.listing(self.data)):
            administration.remove(self.data, self.name)


def denied(caller: Member, action: str, scope: str) -> tuple[int, str, str]:
    client = caller.status.client_id
    return (
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{client}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials.",
    )


def assignment(caller: ArmCaller, principal: ArmCaller, role: Role) -> dict[str, Any]:
    definition = f"{caller.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role.id}"
    properties = {"roleDefinitionId": definition, "principalId": principal.status.client_id}
    return {"properties": properties}
