"""Roles: which actions they permit, and over which scopes. Pure.

Sources: Azure's built-in roles, and its role definitions with `actions`, `notActions` and wildcards
(https://learn.microsoft.com/azure/role-based-access-control/role-definitions).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_KEYS_READ: Final = "Microsoft.MachineLearningModelManagement/accounts/services/keys/read"


@dataclass(frozen=True)
class Role:
    """A role definition.

    Attributes:
        id: UUID of the definition.
        word: as commands name it.
        name: as Azure shows it.
        actions: patterns of what it permits; `*` stands for any text.
        not_actions: patterns of what it does not, although `actions` have it.
        is_built_in: whether Azure has it under this very ID.
    """

    id: str
    word: str
    name: str
    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    is_built_in: bool = True

    def permits(self, action: str) -> bool:
        """Whether it permits an action, whatever its case."""
        return _any(self.actions, action) and not _any(self.not_actions, action)


OWNER: Final = Role(
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "owner",
    "Owner",
    "Does everything, and gives roles.",
    ("*",),
)
CONTRIBUTOR: Final = Role(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "contributor",
    "Contributor",
    "Does everything but give roles.",
    ("*",),
    (
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
        "Microsoft.Blueprint/blueprintAssignments/write",
        "Microsoft.Blueprint/blueprintAssignments/delete",
        "Microsoft.Compute/galleries/share/action",
        "Microsoft.Purview/consents/write",
        "Microsoft.Purview/consents/delete",
        "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
        "Microsoft.Subscription/cancel/action",
        "Microsoft.Subscription/enable/action",
    ),
)
READER: Final = Role(
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "reader",
    "Reader",
    "Reads everything but keys.",
    ("*/read",),
    # an action that reads in name alone: whoever has the key may call the service
    (_KEYS_READ,),
)
ACCESS_ADMINISTRATOR: Final = Role(
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "user-access-administrator",
    "User Access Administrator",
    "Reads everything but keys, and gives roles.",
    ("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
    (_KEYS_READ,),
)
KEYS_READER: Final = Role(
    "5f1c8e2b-7d34-4b0e-9a66-3f0b6e9d2c71",
    "keys-reader",
    "Service Keys Reader",
    "Reads the keys of services, as a refresh of a stack does.",
    (_KEYS_READ,),
    is_built_in=False,
)
ROLES: Final = {role.id: role for role in (OWNER, CONTRIBUTOR, READER, ACCESS_ADMINISTRATOR, KEYS_READER)}
WORDS: Final = {role.word: role for role in ROLES.values()}


def covers(scope: str, asked: str) -> bool:
    """Whether a role over `scope` reaches `asked`, the same or below it: resource IDs, in any case."""
    scope, asked = scope.lower().rstrip("/"), asked.lower().rstrip("/")
    return asked == scope or asked.startswith(f"{scope}/")


def _any(patterns: tuple[str, ...], action: str) -> bool:
    return any(_compiled(pattern).fullmatch(action) for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE | re.DOTALL)
