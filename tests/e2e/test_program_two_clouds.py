"""One graph on two clouds: the account and the service on a management server, all else in another cloud."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from infra import catalogue
from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ACCOUNT, ProgramStack
from tests.support.stacks.two_clouds import NAMESPACE, by_server


@pytest.fixture(scope="module")
def stack(make_apart: Callable[..., ProgramStack]) -> ProgramStack:
    return make_apart("two", {})


def name_of(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]


def without(resource: Mapping[str, Any], lost: Collection[str]) -> dict[str, Any]:
    """A resource of a state that depends on none of those that are lost."""
    dependencies = [one for one in resource.get("dependencies") or () if one.rpartition("::")[2] not in lost]
    by_property = {
        key: [one for one in urns or () if one.rpartition("::")[2] not in lost]
        for key, urns in (resource.get("propertyDependencies") or {}).items()
    }
    return {**resource, "dependencies": dependencies, "propertyDependencies": by_property}


def test_each_part_is_in_the_cloud_that_has_it(
    stack: ProgramStack, local_cloud: LocalCloud, server: LocalCloud
) -> None:
    made = stack.up()
    assert set(made.changes) == {"create"}
    assert not made.complaints
    assert server.groups() == [stack.group]
    assert [one.state for one in server.services()] == ["Succeeded"]
    assert stack.services() == []
    assert stack.group in local_cloud.groups()
    assert by_server(stack) == {"account", catalogue.MANAGEMENT_GROUP}
    assert stack.outputs()["managementHost"] == server.host
    for secret in (server.client_secret, local_cloud.client_secret):
        assert secret not in stack.state_text() + made.text


def test_a_second_run_finds_nothing_to_do(stack: ProgramStack) -> None:
    assert not stack.preview("--refresh", "--expect-no-changes").complaints
    expect_no_changes(stack)


def test_what_was_taken_away_on_the_server_is_made_there_again(
    stack: ProgramStack, server: LocalCloud
) -> None:
    account = server.management(stack.group, ACCOUNT)
    (service,) = account.services()
    account.delete_service(service.id)
    stack.refresh()
    again = stack.up()
    assert not again.complaints
    (made,) = account.services()
    assert (made.state, made.id != service.id) == ("Succeeded", True)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"managementTenantId": "00000000-0000-0000-0000-000000000000"},
            "Check fpga-web-service:managementTenantId, fpga-web-service:managementClientId and "
            "fpga-web-service:managementClientSecret.",
        ),
        ({"managementHost": "127.0.0.1:1"}, "fpga-web-service:managementHost 127.0.0.1:1"),
    ],
)
def test_an_error_names_the_cloud_that_it_is_of(
    stack: ProgramStack, config: dict[str, str], words: str
) -> None:
    file = stack.folder / f"Pulumi.{stack.stack}.yaml"
    before = file.read_text()
    more = config | {"primaryKeyGeneration": "2"}  # the server has to be asked for the new key
    stack.configure({f"{NAMESPACE}:{key}": value for key, value in more.items()})
    refused = stack.up("--skip-preview", code=None)
    file.write_text(before)
    assert refused.code != 0
    assert words in refused.text
    assert not stack.up().complaints  # the settings as they were


def test_what_a_lost_state_leaves_is_adopted_from_both_clouds(
    stack: ProgramStack, server: LocalCloud
) -> None:
    """The state loses the account and its group with their provider, and the zone's group's record."""
    state = stack.export()
    lost = {"account", catalogue.MANAGEMENT_GROUP, catalogue.MANAGEMENT_PROVIDER, "record"}
    kept = [one for one in state["deployment"]["resources"] if name_of(one) not in lost]
    state["deployment"]["resources"] = [without(one, lost) for one in kept]
    stack.load(state)

    done = stack.adopt("--yes")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Adopted: management-resource-group, account, record." in done.stdout
    assert server.client_secret not in done.stdout + done.stderr + stack.state_text()
    assert by_server(stack) == {"account", catalogue.MANAGEMENT_GROUP}
    again = stack.up()
    assert set(again.changes) <= {"same", "update"}, again.changes
    assert not again.complaints
    expect_no_changes(stack)


def test_a_destroy_leaves_neither_cloud_anything(
    stack: ProgramStack, local_cloud: LocalCloud, server: LocalCloud
) -> None:
    assert not stack.destroy().complaints
    assert stack.group not in local_cloud.groups() + server.groups()


def test_packages_may_be_on_the_server_which_then_reaches_no_other_cloud(
    make_apart: Callable[..., ProgramStack], server: LocalCloud
) -> None:
    stack = make_apart("apart", {"managementStorage": "true"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(server.status.ca))  # the server would take no other cloud's word
        made = stack.up()
    assert not made.complaints
    assert by_server(stack) == {"account", catalogue.MANAGEMENT_GROUP, "storage", "packages"}
    expect_no_changes(stack)
    stack.destroy()
    assert stack.group not in server.groups()
