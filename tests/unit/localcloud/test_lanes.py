"""The lanes of routes: who waits for others never stands before a read of the database."""

from __future__ import annotations

from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from localcloud.arm import api
from localcloud.http.lanes import BLOBS, DATABASE, REMOVALS, Lane, Route
from localcloud.identity.tenant import Tenant

REQUEST = Request({"type": "http", "headers": []})


class _Provider:
    def __init__(self, lane: Lane | None) -> None:
        self._route = Route("/things/{name}", lambda _: Response(), methods=["PUT"], lane=lane)

    def routes(self) -> list[Route]:
        return [self._route]


@pytest.mark.parametrize("lane", [BLOBS, REMOVALS, DATABASE, None])
def test_a_route_keeps_its_lane_behind_resource_manager_s_checks(lane: Lane | None) -> None:
    (route,) = api.routes(cast(Tenant, None), [_Provider(lane)])
    assert route.lane(REQUEST) == lane


def test_a_lane_may_be_chosen_by_the_request() -> None:
    route = Route("/", lambda _: Response(), lane=lambda request: BLOBS if request.headers else None)
    assert route.lane(REQUEST) is None
    assert route.lane(Request({"type": "http", "headers": [(b"a", b"b")]})) == BLOBS
