"""The pages of localcloud over real HTTPS: each who has signed in sees what the API would tell it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from localcloud.access import audit
from localcloud.access.roles import READER, Role
from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import data_plane
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane
from tests.support.localcloud.member import Member
from tests.support.localcloud.portal_visitor import PAGE, Visitor
from tests.support.localcloud.scoring_parts import package


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A localcloud of this module's own."""
    with Cloud(data_plane.settings(tmp_path_factory.mktemp("portal") / "data")) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def plane(running: Cloud) -> Iterator[DataPlane]:
    with closing(DataPlane(running.status())) as found:
        found.make_account("fpga-models")
        yield found


@pytest.fixture(scope="module")
def service(plane: DataPlane) -> dict[str, Any]:
    """A service with SSL on."""
    with data_plane.PackageHost().running() as host:
        model = plane.register(host.put("/model.zip", package()))
        return plane.deploy(model, "fpga-service", **data_plane.on(Authority()))


@pytest.fixture
def owner(running: Cloud) -> Iterator[Visitor]:
    with closing(ArmCaller(running)) as caller, closing(Visitor(caller)) as found:
        assert found.sign_in().status_code == 303
        yield found


@contextmanager
def visiting(cloud: Cloud, *roles: Role, scope: str | None = None) -> Iterator[Visitor]:
    """Signed in as a principal with these roles."""
    with closing(Member(cloud, *roles, scope=scope)) as member, closing(Visitor(member)) as found:
        assert found.sign_in().status_code == 303
        yield found


def audited(cloud: Cloud) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (cloud.settings.data / audit.FILE).read_text().splitlines()]


def page_of(service: dict[str, Any]) -> str:
    return f"{PAGE}/services/{service['id']}"


def test_the_values_of_the_documents_portal_step_stand_there_to_be_copied(
    owner: Visitor, plane: DataPlane, service: dict[str, Any]
) -> None:
    shown = owner.get().text
    for value in ("fpga-models", "group", str(plane.subscription), "eastus2"):
        assert f'data-copy="{value}"' in shown
    assert f"{service['ipAddress']}:{service['port']}" in shown
    assert page_of(service) in shown


def test_a_service_shows_its_certificates_up_to_the_root(owner: Visitor, service: dict[str, Any]) -> None:
    shown = owner.get(page_of(service))
    assert shown.status_code == 200
    assert "Succeeded" in shown.text
    assert "days left" in shown.text
    assert f"until {dt.datetime.now(dt.UTC).year}" in shown.text or "until 20" in shown.text


def test_who_has_no_role_there_sees_nothing_of_it(
    running: Cloud, plane: DataPlane, service: dict[str, Any]
) -> None:
    other = plane.account_id.replace("fpga-models", "other-models")
    body = {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}}
    plane.arm("PUT", other, body)
    try:
        with visiting(running, READER, scope=other) as visitor:
            shown = visitor.get().text
            assert "other-models" in shown
            assert "fpga-models" not in shown
            hidden = visitor.get(page_of(service))
            missing = visitor.get(f"{PAGE}/services/00000000-0000-0000-0000-000000000000")
            assert hidden.status_code == missing.status_code == 404
            assert "fpga-service" not in hidden.text
    finally:
        plane.arm("DELETE", other)
