"""Resource Manager: its routes, and what every one of them checks first."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from localcloud.arm.accounts import require_subscription
from localcloud.arm.lists import query_of
from localcloud.arm.providers import unknown_type
from localcloud.errors import CloudError
from localcloud.http.lanes import Route
from localcloud.identity.tenant import Tenant

_API_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(-[A-Za-z][A-Za-z0-9.-]{0,31})?")
_SANE_YEARS = range(2011, 2100)
_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)", re.IGNORECASE)


class Provider(Protocol):
    """A resource provider: the routes of its types."""

    def routes(self) -> list[Route]: ...


def routes(tenant: Tenant, providers: Sequence[Provider]) -> list[Route]:
    """The providers' routes, each behind the checks that Resource Manager makes first."""

    def checked(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            check_api_version(query_of(request).get("api-version"))
            if "subscription" in request.path_params:
                require_subscription(tenant.subscription_id, request.path_params["subscription"])
            response = handler(request)
            if request.method == "HEAD" and response.status_code == 200:
                return Response(status_code=204)
            return response

        return answer

    return [
        Route(route.path, checked(route.endpoint), methods=route.methods, lane=route.lane)
        for provider in providers
        for route in provider.routes()
    ]


def missing(tenant: Tenant, request: Request) -> CloudError:
    """The refusal of a path that nothing serves: it says what the path lacks, or which types there are."""
    path: str = request.scope["path"]
    subscription = _SUBSCRIPTION.match(path)
    if subscription is not None:
        try:
            check_api_version(query_of(request).get("api-version"))
            require_subscription(tenant.subscription_id, subscription[1])
        except CloudError as error:
            return error
    return unknown_type(path)


def check_api_version(version: str | None) -> None:
    """Takes any version that is a date: clients of many ages call.

    Raises:
        CloudError: 400 MissingApiVersionParameter or InvalidApiVersionParameter.
    """
    if not version:
        raise CloudError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    match = _API_VERSION.fullmatch(version)
    try:
        if match and datetime.date.fromisoformat(match[1]).year in _SANE_YEARS:
            return
    except ValueError:
        pass
    raise CloudError(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{version}' is invalid: it is a date such as 2024-03-01, "
        "with or without '-preview'.",
    )
