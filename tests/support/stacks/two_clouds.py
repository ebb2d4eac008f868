"""Stacks on two clouds: the account and the service on a management server, all else on a localcloud in
Azure's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from infra import catalogue
from tests.support.stacks import local_cloud as local_clouds
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack

NAMESPACE: Final = "fpga-web-service"
SECRET: Final = f"{NAMESPACE}:managementClientSecret"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The roots of all clouds, as an operator gives them to the server and to the plugin."""
    file = tmp_path_factory.mktemp("roots") / "all.pem"
    file.write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield file


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, bundle: Path
) -> Iterator[LocalCloud]:
    """A management server: a localcloud that fetches packages from the first one's storage."""
    with _server(tmp_path_factory, local_cloud, bundle) as running:
        yield running


@pytest.fixture(scope="module")
def other_server(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, bundle: Path
) -> Iterator[LocalCloud]:
    """Another one."""
    with _server(tmp_path_factory, local_cloud, bundle) as running:
        yield running


@pytest.fixture(scope="module")
def make_apart(
    make_stack: Callable[..., ProgramStack], local_cloud: LocalCloud, server: LocalCloud, bundle: Path
) -> Callable[..., ProgramStack]:
    """Makes stacks whose account and service are on the server."""
    trust(bundle, local_cloud)

    def make(name: str, config: Mapping[str, str]) -> ProgramStack:
        made = make_stack(
            name, apart(server) | {f"{NAMESPACE}:{key}": value for key, value in config.items()}
        )
        made.set_secret(SECRET, server.client_secret)
        made.environment["SSL_CERT_FILE"] = str(bundle)
        return made

    return make


def apart(server: LocalCloud) -> dict[str, str]:
    """The settings that have account and service on a server, but for the client's secret."""
    own = {
        "managementHost": server.host,
        "managementTenantId": str(server.status.tenant),
        "managementSubscriptionId": str(server.status.subscription),
        "managementClientId": str(server.status.client_id),
        "managementRoots": str(server.status.ca),
    }
    return {f"{NAMESPACE}:{key}": value for key, value in own.items()}


def by_server(stack: ProgramStack) -> set[str]:
    """The resources that the server's own provider has made."""
    provider = f"::{catalogue.MANAGEMENT_PROVIDER}::"
    return {
        one["urn"].rpartition("::")[2] for one in stack.resources() if provider in one.get("provider", "")
    }


def trust(bundle: Path, cloud: LocalCloud) -> None:
    """Adds the roots of a cloud to a bundle."""
    root = cloud.status.ca.read_bytes()
    if root not in bundle.read_bytes():
        bundle.write_bytes(bundle.read_bytes() + root)


@contextmanager
def _server(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, bundle: Path
) -> Iterator[LocalCloud]:
    storage = urlsplit(str(local_cloud.status.blob)).netloc
    with local_clouds.running(tmp_path_factory.mktemp("server"), storage) as running:
        trust(bundle, running)
        yield running
