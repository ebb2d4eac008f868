"""The subscription and the tenant, as Resource Manager lists them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm.checks import REGIONS
from localcloud.arm.lists import page
from localcloud.http.lanes import Route
from localcloud.identity.tenant import Tenant


class Subscriptions:
    """The verbs of `/subscriptions` and `/tenants`: there is one of each."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def routes(self) -> list[Route]:
        return [
            Route("/subscriptions", self._list),
            Route("/subscriptions/{subscription}", self._get),
            Route("/subscriptions/{subscription}/locations", self._locations),
            Route("/tenants", self._tenants),
        ]

    def _list(self, request: Request) -> Response:
        return page(request, [self._shown()], lambda item: item["id"], lambda item: item)

    def _get(self, _request: Request) -> Response:
        return JSONResponse(self._shown())

    def _locations(self, request: Request) -> Response:
        prefix = f"/subscriptions/{self._tenant.subscription_id}/locations"
        return page(
            request,
            REGIONS,
            lambda region: region,
            lambda region: {"id": f"{prefix}/{region}", "name": region, "displayName": region},
        )

    def _tenants(self, request: Request) -> Response:
        tenant_id = self._tenant.tenant_id
        shown = {"id": f"/tenants/{tenant_id}", "tenantId": tenant_id, "displayName": "localcloud"}
        return page(request, [shown], lambda item: item["id"], lambda item: item)

    def _shown(self) -> dict[str, Any]:
        subscription_id = self._tenant.subscription_id
        return {
            "id": f"/subscriptions/{subscription_id}",
            "subscriptionId": subscription_id,
            "tenantId": self._tenant.tenant_id,
            "displayName": "localcloud",
            "state": "Enabled",
            "authorizationSource": "RoleBased",
        }
