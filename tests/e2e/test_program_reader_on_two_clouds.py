"""The jobs of `STACK-preview` and `STACK` on two clouds: each signs in to both by a token, as itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from fpga.cloud.connection import CLIENT_ID, CLIENT_SECRET
from localcloud.access import administration
from localcloud.access.principals import FederatedCredential
from localcloud.access.roles import CONTRIBUTOR, KEYS_READER, READER
from tests.support.github import issuer as oidc
from tests.support.github.issuer import EXCHANGE, REQUEST_TOKEN, Issuer
from tests.support.stacks import local_cloud as local_clouds
from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack

NAMESPACE = "fpga-web-service"
JOBS = {"dev": (CONTRIBUTOR,), "dev-preview": (READER, KEYS_READER)}
TAGS = ("config", "set", "--path", f"{NAMESPACE}:tags.team", "vision")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud) -> Iterator[LocalCloud]:
    storage = urlsplit(str(local_cloud.status.blob)).netloc
    with local_clouds.running(tmp_path_factory.mktemp("server"), storage) as running:
        yield running


@pytest.fixture(scope="module")
def stack(
    make_stack: Callable[..., ProgramStack],
    local_cloud: LocalCloud,
    server: LocalCloud,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ProgramStack]:
    """No setting and no file says who signs in: each job has it in its environment, as GitHub's have."""
    roots = tmp_path_factory.mktemp("roots") / "both.pem"
    roots.write_bytes(local_cloud.status.ca.read_bytes() + server.status.ca.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(roots))
        made = make_stack(
            "jobs",
            {
                f"{NAMESPACE}:managementHost": server.host,
                f"{NAMESPACE}:managementRoots": str(server.status.ca),
            },
        )
        for key in (CLIENT_ID, CLIENT_SECRET):
            made.run("config", "rm", "--stack", made.stack, key)
        made.environment |= {
            "SSL_CERT_FILE": str(roots),
            "FPGA_MANAGEMENT_TENANT_ID": str(server.status.tenant),
            "FPGA_MANAGEMENT_SUBSCRIPTION_ID": str(server.status.subscription),
        }
        yield made


@pytest.fixture(scope="module")
def job(stack: ProgramStack, local_cloud: LocalCloud, server: LocalCloud) -> Iterator[Callable[[str], None]]:
    """Goes on as another job."""
    clients: dict[str, dict[str, str]] = {name: {} for name in JOBS}
    with oidc.served() as issuer:
        for name, given in JOBS.items():
            client_id = None
            for cloud in (local_cloud, server):  # on the server by the ID that its application has in Azure
                data = cloud.settings.data
                added = administration.add(data, name, given, None, None, client_id=client_id)
                administration.trust(data, name, FederatedCredential(issuer.url, _subject(name), (EXCHANGE,)))
                client_id = clients[name]["ARM_CLIENT_ID"] = added.client_id
        stack.environment |= {
            "ARM_USE_OIDC": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": issuer.request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }
        yield lambda name: _go_on(stack, issuer, name, clients[name])
        for cloud in (local_cloud, server):
            for name in JOBS:
                administration.remove(cloud.settings.data, name)


def _subject(environment: str) -> str:
    return f"repo:contoso/fpga:environment:{environment}"


def _go_on(stack: ProgramStack, issuer: Issuer, name: str, clients: dict[str, str]) -> None:
    issuer.subject = _subject(name)
    stack.environment |= clients


def test_the_merge_deploys_and_the_preview_then_sees_nothing_to_do(
    stack: ProgramStack, job: Callable[[str], None], server: LocalCloud
) -> None:
    job("dev")
    made = stack.up()
    assert set(made.changes) == {"create"}
    assert [one.state for one in server.services()] == ["Succeeded"]
    job("dev-preview")
    assert not stack.preview("--refresh", "--expect-no-changes").complaints
    job("dev")
    assert set(stack.up().changes) == {"same"}


def test_the_preview_changes_neither_cloud(
    stack: ProgramStack, job: Callable[[str], None], local_cloud: LocalCloud, server: LocalCloud
) -> None:
    job("dev-preview")
    before = [server.services(), *(one.groups() for one in (local_cloud, server))]
    stack.run(*TAGS, "--stack", stack.stack)
    try:
        assert "update" in stack.preview().changes
        refused = stack.up(code=None)
        assert refused.code != 0
        assert "AuthorizationFailed" in refused.text
        assert [server.services(), *(one.groups() for one in (local_cloud, server))] == before
    finally:
        stack.run("config", "rm", "--stack", stack.stack, f"{NAMESPACE}:tags")
    job("dev")
    expect_no_changes(stack)
