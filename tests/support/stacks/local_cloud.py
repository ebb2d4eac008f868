"""A localcloud for the tests with the real engine, and what one does to it behind the program's back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from clients.azure.cloud import Cloud
from clients.azure.model_management import ModelManagement
from clients.azure.settings import AzureSettings
from engine import azurite
from engine.report import ConsoleReport
from localcloud import featurizers
from localcloud.server import Cloud as Server
from localcloud.settings import Settings

API_VERSIONS = {
    "Microsoft.MachineLearningModelManagement": "2017-09-01-preview",
    "Microsoft.Network": "2018-05-01",
    "Microsoft.Storage": "2024-01-01",
}


@dataclass(frozen=True)
class LocalCloud:
    """A running localcloud.

    Attributes:
        status: what `fpga cloud status --json` tells.
        package: a model package that it can run.
    """

    settings: Settings
    status: Mapping[str, Any]
    server: Server
    package: Path
    client_secret: str = field(repr=False)

    @property
    def host(self) -> str:
        return str(self.status["https"]).removeprefix("https://")

    @property
    def name_server(self) -> str:
        return str(self.status["dns"])

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to trust it."""
        return {"SSL_CERT_FILE": str(self.status["ca"])}

    @property
    def config(self) -> dict[str, str]:
        """The stack configuration that points at it, but for the secret."""
        return {
            "azure-native:metadataHost": self.host,
            "azure-native:tenantId": self.status["tenant"],
            "azure-native:subscriptionId": self.status["subscription"],
            "azure-native:clientId": self.status["client_id"],
            "azure-native:disableInstanceDiscovery": "true",
            "fpga-web-service:nameServers": self.name_server,
            "fpga-web-service:modelPackage": str(self.package),
        }

    @cached_property
    def client(self) -> Cloud:
        """Signed in as the program is."""
        return Cloud(
            AzureSettings(
                metadata_host=self.host,
                tenant_id=self.status["tenant"],
                subscription_id=self.status["subscription"],
                client_id=self.status["client_id"],
                client_secret=self.client_secret,
                disable_instance_discovery=True,
            ),
            ca_file=self.status["ca"],
        )

    def management(self, group: str, account: str) -> ModelManagement:
        provider = "Microsoft.MachineLearningModelManagement"
        return ModelManagement(self.client, f"{self.group_id(group)}/providers/{provider}/accounts/{account}")

    def group_id(self, group: str) -> str:
        return f"/subscriptions/{self.status['subscription']}/resourceGroups/{group}"

    def groups(self) -> list[str]:
        listed = self.client.manage(
            "GET", f"/subscriptions/{self.status['subscription']}/resourcegroups", "2021-04-01"
        )
        return [group["name"] for group in listed["value"]]

    def services(self) -> list[dict[str, Any]]:
        """Every service of every account, as localcloud itself tells."""
        return list(self.server.status()["services"])


@contextmanager
def running(folder: Path, built: featurizers.BuiltModel | None = None) -> Iterator[LocalCloud]:
    """Starts a localcloud with all its parts in `folder`, and stops it at the end.

    Args:
        built: the featurizers and the package of another one; None: they are made in `folder`, too.
    """
    built = built or featurizers.build(folder / "models")
    parts = azurite.ensure(ConsoleReport())
    settings = Settings(
        data=folder / "cloud",
        featurizers=built.featurizers,
        node=parts.node,
        azurite=parts.package,
    )
    with Server(settings) as server:
        status = server.status()
        secret = Path(status["client_secret_file"]).read_text().strip()
        yield LocalCloud(settings, status, server, built.package, secret)


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One localcloud for all tests of a session; each stack has a resource group of its own."""
    with running(tmp_path_factory.mktemp("localcloud")) as cloud:
        yield cloud
