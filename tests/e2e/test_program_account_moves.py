"""An account that moves: to another server, or name of the same one, to two clouds, and back to one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ACCOUNT, ProgramStack
from tests.support.stacks.two_clouds import NAMESPACE, SECRET, apart

HOST = f"{NAMESPACE}:managementHost"


@pytest.fixture(scope="module")
def stack(make_apart: Callable[..., ProgramStack]) -> ProgramStack:
    made = make_apart("moving", {})
    made.up()
    return made


def alias(server: LocalCloud) -> str:
    """The server by another name."""
    return f"localhost:{server.host.rpartition(':')[2]}"


def accounts(cloud: LocalCloud, stack: ProgramStack) -> list[str]:
    """The services that a cloud has for a stack, as the account there tells them."""
    if stack.group not in cloud.groups():
        return []
    listed = cloud.client.manage("GET", f"{cloud.group_id(stack.group)}/resources", "2021-04-01")["value"]
    if not any(one["name"] == ACCOUNT for one in listed):
        return []
    return [one.state for one in cloud.management(stack.group, ACCOUNT).services()]


def move(stack: ProgramStack, server: LocalCloud) -> None:
    """Has the settings name another server."""
    stack.configure(apart(server))
    stack.set_secret(SECRET, server.client_secret)


def test_another_name_of_the_same_server_changes_nothing(stack: ProgramStack, server: LocalCloud) -> None:
    stack.configure({HOST: alias(server)})
    seen = stack.preview()
    assert (set(seen.changes), seen.complaints) == ({"same", "update"}, [])
    # the engine's own provider of dynamic resources is given the whole configuration
    assert {name for name, one in seen.operations.items() if one != "same"} == {"management", "default"}
    assert not stack.up().complaints
    expect_no_changes(stack)
    stack.configure({HOST: server.host})
    assert not stack.up().complaints
    expect_no_changes(stack)


def test_a_host_alone_that_is_of_another_server_is_refused(
    stack: ProgramStack, server: LocalCloud, other_server: LocalCloud
) -> None:
    stack.configure({HOST: other_server.host})
    refused = stack.preview(code=None)
    print(refused.text)
    stack.configure({HOST: server.host})
    assert refused.code != 0
    assert f"{HOST} is {other_server.host}, and the stack's account is not found there" in refused.text
    assert f"set {HOST} back to {server.host}" in refused.text
    expect_no_changes(stack)


def test_a_move_makes_it_there_first_and_deletes_it_here_at_the_end(
    stack: ProgramStack, server: LocalCloud, other_server: LocalCloud
) -> None:
    move(stack, other_server)
    seen = stack.preview()
    print(seen.text)
    (warning,) = [one for one in seen.complaints if "The account moves" in one]
    assert f"to {other_server.host}" in warning
    assert f"on {server.host}, is deleted" in warning
    assert accounts(server, stack) == ["Succeeded"]
    done = stack.up()
    print(done.text)
    assert accounts(other_server, stack) == ["Succeeded"]
    assert stack.group not in server.groups()
    expect_no_changes(stack)
