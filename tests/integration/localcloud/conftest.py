"""Callers and resource groups for the tests of localcloud's HTTPS APIs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from localcloud.server import Cloud
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.pebble.fixtures import pebble_executable

__all__ = ["pebble_executable"]


@pytest.fixture(scope="session")
def arm(cloud: Cloud) -> Iterator[ArmCaller]:
    """Signed in to the session's localcloud."""
    caller = ArmCaller(cloud)
    yield caller
    caller.close()


@pytest.fixture
def group(arm: ArmCaller) -> Iterator[str]:
    """The path of a new resource group, deleted afterwards with all that is in it."""
    path = f"{arm.subscription}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    assert arm("PUT", path, {"location": "eastus2"}).status_code == 201
    yield path
    assert arm("DELETE", path).status_code in (200, 404)
