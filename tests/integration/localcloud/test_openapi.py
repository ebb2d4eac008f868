"""The description of all APIs, held against the routes of the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from localcloud import server
from localcloud.http.frame import Frame
from localcloud.http.lanes import Route
from localcloud.openapi import document
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud import data_plane, parts
from tests.support.localcloud.arm_caller import ArmCaller, refusal

VERBS = frozenset({"get", "head", "put", "post", "patch", "delete"})


@pytest.fixture(scope="module")
def described(arm: ArmCaller) -> dict[str, Any]:
    answer = arm("GET", document.PATH, version=None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def operations(described: dict[str, Any]) -> set[tuple[str, str]]:
    return {(path, verb) for path, verbs in described["paths"].items() for verb in VERBS & verbs.keys()}


def test_it_is_told_to_who_has_a_token(arm: ArmCaller, described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": arm.base}]
    nobody = arm("GET", document.PATH, version=None, headers={"Authorization": None})
    assert refusal(nobody)[:2] == (401, "AuthenticationFailed")


@pytest.mark.parametrize("has_blobs", [True, False], ids=["with-blobs", "without-blobs"])
def test_every_route_is_described_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, has_blobs: bool
) -> None:
    taken: list[Route] = []

    class Recording(Frame):
        def __init__(self, *, public: Sequence[Route], routes: Sequence[Route], **others: Any) -> None:
            taken.extend([*public, *routes])
            super().__init__(public=public, routes=routes, **others)

    monkeypatch.setattr(server, "Frame", Recording)
    data = tmp_path_factory.mktemp("described") / "data"
    settings: Settings = parts.settings(data) if has_blobs else data_plane.settings(data)
    with Cloud(settings):
        pass
    routes = {
        (route.path.replace(":path", ""), verb.lower()) for route in taken for verb in route.methods or ()
    }
    assert operations(document.document("", None, has_blobs=has_blobs)) == routes


def test_every_reference_leads_somewhere_and_every_shape_is_used(described: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        for name, inner in node.items() if isinstance(node, dict) else enumerate(node):
            if name == "$ref":
                yield inner
            elif isinstance(inner, dict | list):
                yield from references(inner)

    components = described["components"]
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "headers")
        for name in components[kind]
    }
    assert set(references(described)) == there


def test_names_of_operations_are_told_apart(described: dict[str, Any]) -> None:
    names = [described["paths"][path][verb]["operationId"] for path, verb in operations(described)]
    assert len(names) == len(set(names))


def test_no_secret_is_in_it(arm: ArmCaller, described: dict[str, Any]) -> None:
    text = str(described)
    for secret in (arm.secret, str(arm.status.client_id), str(arm.status.tenant), str(arm.status.ca)):
        assert secret not in text
