"""A localcloud for the tests with the real engine, and what one does to it behind the program's back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from clients.azure.cloud import Cloud
from clients.azure.model_management import ModelManagement
from fpga.cloud import connection
from localcloud.server import Cloud as Server
from localcloud.settings import Settings
from localcloud.status import ServiceStatus, Status
from tests.support.localcloud import parts

API_VERSIONS = {
    "Microsoft.MachineLearningModelManagement": "2017-09-01-preview",
    "Microsoft.Network": "2018-05-01",
    "Microsoft.Storage": "2024-01-01",
}


@dataclass(frozen=True)
class LocalCloud:
    """A running localcloud.

    Attributes:
        package: a model package that it can run.
    """

    settings: Settings
    status: Status
    server: Server
    package: Path
    client_secret: str = field(repr=False)

    @property
    def host(self) -> str:
        return self.config[connection.METADATA_HOST]

    @property
    def name_server(self) -> str:
        return self.config[connection.NAME_SERVERS]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to trust it."""
        return {"SSL_CERT_FILE": str(self.status.ca)}

    @property
    def config(self) -> dict[str, str]:
        """The stack configuration that points at it, but for the secret."""
        package = {"fpga-web-service:modelPackage": str(self.package)}
        return connection.settings(self.status) | package

    @cached_property
    def client(self) -> Cloud:
        """Signed in as the program is."""
        return Cloud(connection.azure_settings(self.status), ca_file=str(self.status.ca))

    def management(self, group: str, account: str) -> ModelManagement:
        provider = "Microsoft.MachineLearningModelManagement"
        return ModelManagement(self.client, f"{self.group_id(group)}/providers/{provider}/accounts/{account}")

    def group_id(self, group: str) -> str:
        return f"/subscriptions/{self.status.subscription}/resourceGroups/{group}"

    def groups(self) -> list[str]:
        listed = self.client.manage(
            "GET", f"/subscriptions/{self.status.subscription}/resourcegroups", "2021-04-01"
        )
        return [group["name"] for group in listed["value"]]

    def services(self) -> list[ServiceStatus]:
        """Every service of every account, as localcloud itself tells."""
        return list(self.server.status().services)


@contextmanager
def running(folder: Path, *package_hosts: str, **given: Any) -> Iterator[LocalCloud]:
    """Starts a localcloud with all its parts, its data in `folder`, and stops it at the end.

    Args:
        package_hosts: `HOST:PORT` of blob services, besides its own, whose packages it may fetch.
        given: others of its settings.
    """
    settings = replace(parts.settings(folder / "cloud"), package_hosts=package_hosts, **given)
    with Server(settings) as server:
        status = server.status()
        yield LocalCloud(
            settings, status, server, parts.built_model().package, connection.client_secret(status)
        )


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One localcloud for all tests of a session; each stack has a resource group of its own."""
    with running(tmp_path_factory.mktemp("localcloud")) as cloud:
        yield cloud
