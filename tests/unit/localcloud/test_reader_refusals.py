"""The list of what a reader must not do: it has every route that changes something or tells a key."""

from __future__ import annotations

import re

import pytest

from localcloud.access import actions
from localcloud.access.roles import READER
from tests.support.localcloud.reader_refusals import REFUSALS

ROUTES = [
    (method, path, action.name)
    for path, verbs in actions.TABLE.items()
    for method, action in verbs.items()
    if not action.is_read
]


@pytest.mark.parametrize(("method", "path", "action"), ROUTES, ids=str)
def test_each_route_is_in_it(method: str, path: str, action: str) -> None:
    names = re.sub(r"{[a-z]+}", "[^/]+", re.sub(r"{resource:path}", ".+", path))
    fits = re.compile(names.replace("{", "[{]") + r"\Z", re.IGNORECASE)
    found = [one for one in REFUSALS if one.method == method and fits.fullmatch(one.path)]
    assert found
    kind = re.sub(r"{[a-z]+}", "[^/]+", action)
    assert all(re.fullmatch(kind, one.action) for one in found)


def test_none_of_it_is_a_readers() -> None:
    assert not [one for one in REFUSALS if READER.permits(one.action)]
