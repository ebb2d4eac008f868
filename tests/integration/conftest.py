"""A localcloud in this process, for every test that calls the service as a client does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud import parts


@pytest.fixture(scope="session")
def cloud_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a localcloud with all its parts, and data of its own."""
    return parts.settings(tmp_path_factory.mktemp("cloud") / "data")


@pytest.fixture(scope="session")
def cloud(cloud_settings: Settings) -> Iterator[Cloud]:
    """One localcloud for all tests of a session; each test makes a resource group of its own in it."""
    with Cloud(cloud_settings) as running:
        yield running
