"""The guard before every route that needs a token: who asks, whether it may, and a line about it."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Any

from starlette.requests import Request

from localcloud.access import actions, audit, principals
from localcloud.access.actions import Action, Reach
from localcloud.access.audit import Audit
from localcloud.access.principals import Principal
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.lanes import Route
from localcloud.identity.tenant import Tenant
from localcloud.identity.tokens import Tokens

log = logging.getLogger(__name__)


class Guard:
    """A judge of requests by what the database says now: what a command changes there holds at once."""

    def __init__(self, store: Store, tenant: Tenant, tokens: Tokens, audit: Audit) -> None:
        self._store = store
        self._subscription = f"/subscriptions/{tenant.subscription_id}"
        self._tokens = tokens
        self._audit = audit
        self._lock = threading.Lock()
        self._known: tuple[int, dict[str, Principal]] = (-1, {})

    def authenticate(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header.

        Raises:
            CloudError: 401 with Azure Resource Manager's code for what is wrong.
        """
        claims = self._tokens.authenticate(authorization)
        principal = self._principals().get(str(claims.get("appid")))
        if principal is None or claims.get("gen", 0) != principal.generation:
            raise self._tokens.refusal(
                "InvalidAuthenticationToken",
                "The access token's client was removed, or what it signed in by: sign in again.",
            )
        return principal

    def authorize(self, request: Request, route: Route) -> None:
        """Lets a principal's request to a route pass; a refusal, and a change that is to begin, are noted.

        Raises:
            CloudError: 403 AuthorizationFailed: none of its roles permits it. 507 or 503: it is to change
                something, and that cannot be noted.
        """
        self.permit(request, actions.of_route(route.path, request.method), request.path_params)

    def permit(self, request: Request, kind: Action, names: dict[str, Any]) -> None:
        """Lets a principal's request pass to an action of the table, as `authorize` does.

        Args:
            names: those that the action's scope has, such as `subscription`.

        Raises:
            CloudError: as of `authorize`.
        """
        principal: Principal = request.state.principal
        action = kind.of(names)
        request.state.may_see = lambda scope: self._may_see(principal, action, scope)
        if not self._passes(principal, action, names):
            self._write_or_log(request, action, 403)  # now: whoever sends no body to its end is refused, too
            raise refusal(principal, action)
        if not action.is_read:
            try:
                self._write(request, action, None)
            except OSError as error:
                raise _unwritten(error) from None
        request.state.action = action

    def principal(self, client_id: str) -> Principal | None:
        """The principal of a client ID in lower case, with its roles; None: there is none.

        Raises:
            CloudError: 503: the database cannot be read.
        """
        return self._principals().get(client_id)

    def is_told_all(self, principal: Principal) -> bool:
        """Whether a principal may know all that runs here."""
        return principal.may("Microsoft.Resources/subscriptions/read", self._subscription)

    def record(self, request: Request, status: int) -> None:
        """Notes with which status a request was answered that changes something."""
        action: Action | None = getattr(request.state, "action", None)
        if action is not None and not (action.is_read and status != 403):
            self._write_or_log(request, action, status)

    def _write_or_log(self, request: Request, action: Action, status: int) -> None:
        """Notes what is decided already, whether that can be written or not."""
        try:
            self._write(request, action, status)
        except OSError as error:
            log.warning(
                "not in the audit log (%s): %s over %s, status %d, request %s",
                error.strerror,
                action.name,
                action.scope,
                status,
                request.state.request_id,
            )

    def _write(self, request: Request, action: Action, status: int | None) -> None:
        principal: Principal = request.state.principal
        told = {"client_id": principal.client_id, "status": status, "request_id": request.state.request_id}
        self._audit.write(audit.line(principal.name, action.name, action.scope, **told))

    def _passes(self, principal: Principal, action: Action, names: dict[str, Any]) -> bool:
        if action.reach is Reach.SIGNED_IN:
            return True
        # In another subscription there is nothing: whoever asks is told that, by whom it is asked.
        if f"/subscriptions/{names['subscription']}".lower() != self._subscription:
            return True
        if principal.may(action.name, action.scope):
            return True
        return action.reach is not Reach.SCOPE and principal.may_below(action.name, action.scope)

    def _may_see(self, principal: Principal, action: Action, scope: str) -> bool:
        found = principal.may(action.name, scope)
        return found or (action.reach is Reach.SIGNED_IN and principal.may_below(action.name, scope))

    def _principals(self) -> dict[str, Principal]:
        try:
            with self._store.read() as db:
                version = principals.version(db)
                with self._lock:
                    if self._known[0] == version:
                        return self._known[1]
                found = {one.client_id: one for one in principals.everyone(db)}
        except sqlite3.Error as error:
            raise CloudError(
                503,
                "ServiceUnavailable",
                f"localcloud's database cannot be read now ({error}): nobody is let in. Try again.",
                headers={"Retry-After": "5"},
            ) from None
        with self._lock:
            self._known = (version, found)
        return found


def refusal(principal: Principal, action: Action) -> CloudError:
    """The refusal of what no role of a principal permits, in Azure's words."""
    client = principal.client_id
    return CloudError(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{client}' does not have authorization to perform action "
        f"'{action.name}' over scope '{action.scope}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials.",
    )


def _unwritten(error: OSError) -> CloudError:
    """The refusal of a change that cannot be noted first."""
    is_full = audit.is_full(error)
    return CloudError(
        507 if is_full else 503,
        "InsufficientStorage" if is_full else "ServiceUnavailable",
        f"localcloud's audit log cannot be written ({error.strerror}), and what cannot be noted is not done. "
        f"Nothing was changed: {audit.remedy(error)}, and try again.",
    )
