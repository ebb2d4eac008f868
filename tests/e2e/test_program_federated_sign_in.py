"""The graph made by a job that holds no secret: program, providers and plugin sign in by its token."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from localcloud.access.principals import FederatedCredential
from tests.support.github import issuer as oidc
from tests.support.github.issuer import EXCHANGE, REQUEST_TOKEN, SUBJECT, Issuer
from tests.support.localcloud.trusting import trusting
from tests.support.stacks.program_stack import ProgramStack


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with oidc.served() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], issuer: Issuer) -> Iterator[ProgramStack]:
    made = make_stack("federated")
    made.run("config", "rm", "--stack", made.stack, "azure-native:clientSecret")
    made.environment |= {
        "ARM_USE_OIDC": "1",
        "ACTIONS_ID_TOKEN_REQUEST_URL": issuer.request_url,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
    }
    with trusting(made.cloud.settings.data, FederatedCredential(issuer.url, SUBJECT, (EXCHANGE,))):
        yield made


def test_a_job_without_the_right_to_ask_for_a_token_is_told_at_the_preview(stack: ProgramStack) -> None:
    token = stack.environment.pop("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    refused = stack.preview(code=None)
    stack.environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = token
    assert refused.code != 0
    assert "`permissions: id-token: write`" in refused.text


def test_the_whole_graph_is_made_and_looked_at_without_a_secret(stack: ProgramStack, issuer: Issuer) -> None:
    made = stack.up()
    assert set(made.changes) == {"create"}
    assert not made.complaints
    assert set(issuer.asked) == {EXCHANGE}
    looked = stack.preview("--refresh", "--expect-no-changes")
    assert not looked.complaints
    assert REQUEST_TOKEN not in stack.state_text() + made.text + looked.text


def test_another_job_is_refused_by_the_authority(stack: ProgramStack, issuer: Issuer) -> None:
    issuer.subject = "repo:contoso/fpga:environment:prod"
    refused = stack.preview("--refresh", code=None)
    issuer.subject = SUBJECT
    assert refused.code != 0
    assert "AADSTS700213" in refused.text
    assert "environment:prod" in refused.text
    assert REQUEST_TOKEN not in refused.text
