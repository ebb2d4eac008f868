"""An account that others keep on a management server: used there, and let go of where the stack made it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.of_others import OfOthers, named
from tests.support.stacks.program_stack import ACCOUNT, ProgramStack
from tests.support.stacks.two_clouds import by_server


@pytest.fixture(scope="module")
def of_server(server: LocalCloud) -> OfOthers:
    """What others keep on the server, which has no use for a zone."""
    kept = OfOthers(server, "rg-team")
    kept.make()
    return kept


def test_an_account_on_the_server_is_used_there(
    make_apart: Callable[..., ProgramStack], local_cloud: LocalCloud, of_server: OfOthers
) -> None:
    in_cloud = OfOthers(local_cloud, "rg-names", zone="names.test")
    in_cloud.make_group()
    in_cloud.make_zone()
    settings = in_cloud.settings(fqdn="www.names.test") | of_server.settings(fqdn="www.names.test")
    zone = {"zone": in_cloud.zone, "zoneResourceGroup": in_cloud.group, "fqdn": "www.names.test"}
    own = {key.partition(":")[2]: value for key, value in settings.items()} | zone
    stack = make_apart("kept-apart", own | {"accountResourceGroup": "nowhere"})
    refused = stack.preview(code=None)
    assert refused.code != 0
    subscription = of_server.cloud.status.subscription
    assert f"the group 'nowhere' of the subscription {subscription} has no Model Management" in refused.text
    stack.configure(named({"accountResourceGroup": of_server.group}))
    before = of_server.seen()

    made = stack.up()

    assert not made.complaints
    assert by_server(stack) == set()
    assert [one.state for one in of_server.cloud.services()] == ["Succeeded"]
    assert of_server.cloud.groups() == [of_server.group]
    expect_no_changes(stack)
    assert not stack.preview("--refresh", "--expect-no-changes").complaints
    stack.destroy()
    assert of_server.seen() == before
    assert of_server.cloud.services() == []


def test_an_account_that_the_stack_made_there_is_let_go(
    make_apart: Callable[..., ProgramStack], server: LocalCloud
) -> None:
    stack = make_apart("let-go-apart", {"protect": "true"})
    stack.up()
    kept = OfOthers(server, stack.group, ACCOUNT)
    before = server.client.manage("GET", kept.account_id, "2017-09-01-preview")
    stack.configure(named({"accountExists": "true", "protect": "false"}))

    done = stack.up()

    changed = {
        name: one for name, one in done.operations.items() if one != "same" and not name.startswith("default")
    }
    assert changed == {"existing-account": "update", "existing-management-resource-group": "update"}
    expect_no_changes(stack)
    stack.destroy()
    assert server.client.manage("GET", kept.account_id, "2017-09-01-preview") == before
