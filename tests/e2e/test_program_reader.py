"""A job that may read alone: its preview shows what would come, and an update by it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fpga.cloud.connection import CLIENT_ID, CLIENT_SECRET
from localcloud.access import administration
from localcloud.access.principals import FederatedCredential
from localcloud.access.roles import KEYS_READER, READER
from tests.support.github import issuer as oidc
from tests.support.github.issuer import EXCHANGE, REQUEST_TOKEN, SUBJECT
from tests.support.stacks.program_stack import ProgramStack

PREVIEW = "preview"
TAGS = ("config", "set", "--path", "fpga-web-service:tags.team", "vision")


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> Iterator[ProgramStack]:
    """Deployed by who may, then looked at by a job that may read alone: it has no secret."""
    stack = make_stack("reader")
    for key in (CLIENT_ID, CLIENT_SECRET):  # each job has its own, in its environment
        stack.run("config", "rm", "--stack", stack.stack, key)
    owner = {
        "ARM_CLIENT_ID": str(stack.cloud.status.client_id),
        "ARM_CLIENT_SECRET": stack.cloud.client_secret,
    }
    stack.environment |= owner
    stack.up()
    del stack.environment["ARM_CLIENT_SECRET"]
    data = stack.cloud.settings.data
    group = stack.cloud.group_id(stack.group)
    preview = administration.add(data, PREVIEW, [READER], group, None)
    with oidc.served() as issuer:
        administration.trust(data, PREVIEW, FederatedCredential(issuer.url, SUBJECT, (EXCHANGE,)))
        stack.environment |= {
            "ARM_USE_OIDC": "1",
            "ACTIONS_ID_TOKEN_REQUEST_URL": issuer.request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "ARM_CLIENT_ID": preview.client_id,
        }
        yield stack
    administration.remove(data, PREVIEW)


def cloud_of(stack: ProgramStack) -> list[Any]:
    group = stack.cloud.group_id(stack.group)
    zone = f"{group}/providers/Microsoft.Network/dnsZones/{stack.stack}.contoso.test"
    paths = ((group, "2021-04-01"), (f"{group}/resources", "2021-04-01"), (f"{zone}/all", "2018-05-01"))
    manage = stack.cloud.client.manage
    return [*(manage("GET", *path) for path in paths), stack.service(), stack.management.models()]


def state_of(stack: ProgramStack) -> dict[str, Any]:
    """When each resource of the state was changed last."""
    return {
        one["urn"]: (one.get("id"), one.get("modified"))
        for one in stack.resources()
        if not one["type"].startswith("pulumi:providers:")
    }


def test_a_preview_by_a_reader_sees_nothing_to_do(stack: ProgramStack) -> None:
    looked = stack.preview("--expect-no-changes")
    assert not looked.complaints


def test_an_update_by_a_reader_is_refused_and_changes_nothing(stack: ProgramStack) -> None:
    before, state = cloud_of(stack), state_of(stack)
    stack.run(*TAGS, "--stack", stack.stack)
    assert "update" in stack.preview().changes
    refused = stack.up(code=None)
    assert refused.code != 0
    assert "AuthorizationFailed" in refused.text
    assert "does not have authorization to perform action 'Microsoft." in refused.text
    assert cloud_of(stack) == before
    assert state_of(stack) == state
    stack.run("config", "rm", "--stack", stack.stack, "fpga-web-service:tags")


def test_a_look_at_the_cloud_needs_the_right_to_read_keys(stack: ProgramStack) -> None:
    refused = stack.preview("--refresh", code=None)
    assert refused.code != 0
    assert "accounts/services/keys/read' over scope '" in refused.text
    data, group = stack.cloud.settings.data, stack.cloud.group_id(stack.group)
    administration.grant(data, PREVIEW, [KEYS_READER], group)
    looked = stack.preview("--refresh", "--expect-no-changes")
    assert not looked.complaints
