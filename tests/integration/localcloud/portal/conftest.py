"""A localcloud of a module's own with an account, a zone and a service, for its page to show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import data_plane
from tests.support.localcloud.data_plane import DataPlane
from tests.support.localcloud.scoring_parts import package


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
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
