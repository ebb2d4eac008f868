"""An account that moves: to another server, or name of the same one, to two clouds, and back to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fpga.models import folder, onnx_file
from fpga.models.new_package import Wanted, made
from tests.support.models import onnx_files
from tests.support.stacks import local_cloud as local_clouds
from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ACCOUNT, ProgramStack
from tests.support.stacks.pulumi_project import Result
from tests.support.stacks.two_clouds import NAMESPACE, SECRET, apart, by_server, trust

HOST = f"{NAMESPACE}:managementHost"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Iterator[LocalCloud]:
    """A management server that fetches packages from nowhere but its own storage."""
    with local_clouds.running(tmp_path_factory.mktemp("strict")) as running:
        trust(bundle, running)
        yield running


@pytest.fixture(scope="module")
def stack(make_apart: Callable[..., ProgramStack]) -> ProgramStack:
    made = make_apart("moving", {})
    made.up()
    return made


def alias(server: LocalCloud) -> str:
    """The server by another name."""
    return f"localhost:{server.host.rpartition(':')[2]}"


def steps(result: Result) -> list[tuple[str, str]]:
    """The operations, in their order, each with the logical name of its resource."""
    told = (event.get("resourcePreEvent", {}).get("metadata") for event in result.events)
    return [(one["op"], one["urn"].rpartition("::")[2]) for one in told if one]


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
    (warning,) = [one for one in seen.complaints if "The account moves" in one]
    assert f"to {other_server.host}" in warning
    assert f"on {server.host}, is deleted" in warning
    assert accounts(server, stack) == ["Succeeded"]
    done = stack.up()
    order = steps(done)
    assert order.index(("update", "endpoint-check")) < order.index(("delete-replaced", "account"))
    assert accounts(other_server, stack) == ["Succeeded"]
    assert stack.group not in server.groups()
    expect_no_changes(stack)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"managementHost": "127.0.0.1:1"}, "fpga-web-service:managementHost 127.0.0.1:1"),
        ({"managementTenantId": NOBODY}, "Check fpga-web-service:managementTenantId"),
        ({"managementSubscriptionId": NOBODY}, "Check fpga-web-service:managementSubscriptionId"),
    ],
)
def test_a_move_to_what_is_no_such_server_is_refused_at_the_preview(
    stack: ProgramStack, server: LocalCloud, other_server: LocalCloud, settings: dict[str, str], words: str
) -> None:
    move(stack, server)
    stack.configure({f"{NAMESPACE}:{key}": value for key, value in settings.items()})
    refused = stack.preview(code=None)
    move(stack, other_server)
    assert refused.code != 0
    assert words in refused.text
    assert f"set {HOST} back to {other_server.host}" in refused.text


def test_a_move_that_fails_leaves_all_as_it_is_and_goes_on_when_it_is_mended(
    stack: ProgramStack,
    local_cloud: LocalCloud,
    other_server: LocalCloud,
    strict_server: LocalCloud,
    tmp_path: Path,
) -> None:
    """The server may not fetch from the first cloud's storage: that is told, and it gets one of its own."""
    storage = urlsplit(str(local_cloud.status.blob)).netloc
    colours = tmp_path / "colours"
    own = onnx_file.read(onnx_files.mean_colour(tmp_path / "own.onnx"))
    folder.write(colours, made(own, Wanted("0:1"), softmax=True).files)
    move(stack, strict_server)
    failed = stack.up(code=None)
    assert failed.code != 0
    assert "the management server" in failed.text
    assert f"have it started with --package-host {storage}" in failed.text
    assert f"`pulumi config set {NAMESPACE}:managementStorage true`" in failed.text
    assert "sig=" not in failed.text.replace("sig=[redacted]", "")
    assert accounts(other_server, stack) == ["Succeeded"]

    pushed = stack.fpga("model", "push", str(colours), "--stack", stack.stack)
    assert pushed.returncode == 1
    assert f"have it started with --package-host {storage}" in pushed.stderr
    assert "Nothing stays of what was uploaded." in pushed.stderr
    assert "sig=" not in pushed.stderr.replace("sig=[redacted]", "")

    stack.configure({f"{NAMESPACE}:managementStorage": "true"})
    stack.up()
    assert accounts(strict_server, stack) == ["Succeeded"]
    assert stack.group not in other_server.groups()
    assert by_server(stack) == {"account", "management-resource-group", "storage", "packages"}
    expect_no_changes(stack)


def test_before_a_move_is_deployed_all_is_looked_at_and_deleted_where_it_is(
    stack: ProgramStack, local_cloud: LocalCloud, server: LocalCloud, strict_server: LocalCloud
) -> None:
    """The engine signs in to the server that its state has, whatever the settings name by now."""
    before = {one["urn"]: one.get("id") for one in stack.resources()}
    move(stack, server)
    assert stack.refresh().complaints == []
    assert {one["urn"]: one.get("id") for one in stack.resources()} == before
    account = strict_server.management(stack.group, ACCOUNT)
    (service,) = account.services()
    account.delete_service(service.id)
    stack.refresh()
    assert "service" not in left(stack)
    stack.destroy()
    for cloud in (local_cloud, server, strict_server):
        assert stack.group not in cloud.groups()


def left(stack: ProgramStack) -> set[str]:
    """The logical names of what the state has."""
    return {one["urn"].rpartition("::")[2] for one in stack.resources()}


def test_an_account_moves_out_of_the_one_cloud_and_back_into_it(
    make_stack: Callable[..., ProgramStack], bundle: Path, local_cloud: LocalCloud, server: LocalCloud
) -> None:
    stack = make_stack("out", {})
    trust(bundle, local_cloud)
    stack.environment["SSL_CERT_FILE"] = str(bundle)
    stack.up()
    move(stack, server)
    stack.up()
    assert accounts(server, stack) == ["Succeeded"]
    assert accounts(local_cloud, stack) == []
    expect_no_changes(stack)
    stack.run("config", "rm-all", "--stack", stack.stack, *apart(server), SECRET)
    stack.up()
    assert accounts(local_cloud, stack) == ["Succeeded"]
    assert stack.group not in server.groups()
    expect_no_changes(stack)
    stack.destroy()
