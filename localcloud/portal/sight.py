"""What a principal may see and do on the page: the very actions of the API's routes, over the same scopes."""

from __future__ import annotations

from typing import Final

from localcloud.access import actions
from localcloud.access.actions import Action, Reach
from localcloud.access.guard import refusal
from localcloud.access.principals import Principal

_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{group}"
_DATA_PLANE: Final = "/api/subscriptions/{subscription}/resourcegroups/{group}/accounts/{account}"
ACCOUNT: Final = f"{_GROUP}/providers/Microsoft.MachineLearningModelManagement/accounts/{{account}}"
SERVICE: Final = f"{_DATA_PLANE}/services/{{id}}"
KEYS: Final = f"{SERVICE}/keys"
OPERATION: Final = f"{_DATA_PLANE}/operations/{{id}}"
ZONE: Final = f"{_GROUP}/providers/Microsoft.Network/dnsZones/{{zone}}"
RECORDS: Final = f"{ZONE}/{{kind}}/{{name}}"
_GIVES_ROLES: Final = "Microsoft.Authorization/roleAssignments/write"
"""Who may do this is told of all principals."""


class Sight:
    """The sight of a principal.

    Args:
        subscription: UUID of the subscription.
    """

    def __init__(self, principal: Principal, subscription: str) -> None:
        self._principal, self._subscription = principal, subscription

    def may_get(self, route: str, **names: str) -> bool:
        """Whether it may GET a route of the API.

        Args:
            names: those in the route's path, but for the subscription.
        """
        action = self.action(route, **names)
        return action.reach is Reach.SIGNED_IN or self._principal.may(action.name, action.scope)

    def action(self, route: str, **names: str) -> Action:
        """The action of a GET of a route."""
        return actions.of_route(route, "GET").of(self.names(**names))

    def names(self, **names: str) -> dict[str, str]:
        """The names in a route's path, the subscription's with them."""
        return {"subscription": self._subscription} | names

    @property
    def gives_roles(self) -> bool:
        """Whether it may give roles over all there is."""
        return self._principal.may(_GIVES_ROLES, self._everything)

    def require_gives_roles(self) -> None:
        """Refuses who may not give roles.

        Raises:
            CloudError: 403 AuthorizationFailed.
        """
        if not self.gives_roles:
            raise refusal(self._principal, Action(_GIVES_ROLES, self._everything))

    @property
    def _everything(self) -> str:
        return f"/subscriptions/{self._subscription}"
