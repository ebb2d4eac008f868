"""dev, staging and prod, each on a localcloud of its own: a change goes through all; prod is protected."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.install import Engine
from infra import catalogue
from tests.support.stacks.local_cloud import running
from tests.support.stacks.pulumi_project import Result
from tests.support.stacks.team_project import TeamProject, TeamStack

NAMES = ("dev", "staging", "prod")
ACCOUNTS = "Microsoft.MachineLearningModelManagement/accounts"

Team = dict[str, TeamStack]


@pytest.fixture(scope="module")
def team(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The three stacks, deployed."""
    project = TeamProject(engine, tmp_path_factory.mktemp("team") / "checkout")
    project.fpga("model", "build")
    with ExitStack() as clouds, ThreadPoolExecutor(len(NAMES)) as side_by_side:

        def make(name: str) -> TeamStack:
            cloud = clouds.enter_context(running(tmp_path_factory.mktemp(name)))
            stack = TeamStack(project, name, cloud)
            project.fpga("stack", "new", name, "--cloud", str(cloud.settings.data))
            project.fpga("stack", "init", name)
            stack.operate("up")
            return stack

        yield dict(zip(NAMES, side_by_side.map(make, NAMES), strict=True))


def capacity(stack: TeamStack) -> int:
    """How many FPGAs the stack's account holds, as its cloud tells."""
    group = stack.cloud.group_id(f"fpga-{stack.name}")
    account = stack.cloud.client.manage(
        "GET", f"{group}/providers/{ACCOUNTS}/fpga-{stack.name}", "2017-09-01-preview"
    )
    return int(account["sku"]["capacity"])


def changes(result: Result) -> dict[str, str]:
    """What was done to which resource. The providers' entry, which holds the settings, is left out."""
    return {name: done for name, done in result.operations.items() if done != "same" and name != "default"}


def state_files(stack: TeamStack) -> dict[Path, bytes]:
    folder = stack.project.local / "state" / ".pulumi" / "stacks"
    return {file: file.read_bytes() for file in folder.rglob(f"{stack.name}.json")}


def test_each_stack_is_a_service_of_its_own(team: Team) -> None:
    found = {name: stack.outputs() for name, stack in team.items()}

    assert [outputs["fqdn"] for outputs in found.values()] == [
        "fpga.dev.contoso.test",
        "fpga.staging.contoso.test",
        "fpga.contoso.test",
    ]
    assert len({outputs["subscriptionId"] for outputs in found.values()}) == 3
    assert [len(stack.cloud.services()) for stack in team.values()] == [1, 1, 1]


def test_no_secret_and_no_machine_path_is_in_what_is_committed(team: Team) -> None:
    for stack in team.values():
        text = stack.file.read_text() + stack.file.with_name(f"Backend.{stack.name}.yaml").read_text()
        assert stack.cloud.client_secret not in text
        assert str(stack.project.folder) not in text
        assert (stack.project.local / "passphrases" / stack.name).stat().st_mode & 0o777 == 0o600


def test_one_change_goes_through_all_three(team: Team) -> None:
    wanted = {stack.name: capacity(stack) for stack in team.values()}
    for stack in team.values():
        others = [other for other in team.values() if other is not stack]
        before = [state_files(other) for other in others]
        wanted[stack.name] += 3
        stack.change("accountCapacity", str(wanted[stack.name]))

        preview = stack.operate("preview", "--diff")
        assert changes(preview) == {"account": "update"}
        assert f"capacity: {wanted[stack.name] - 3} => {wanted[stack.name]}" in preview.stdout
        assert changes(stack.operate("up")) == {"account": "update"}

        assert {one.name: capacity(one) for one in team.values()} == wanted
        assert all(before)
        assert [state_files(other) for other in others] == before


def test_prod_is_neither_destroyed_nor_replaced_while_it_is_protected(team: Team) -> None:
    prod = team["prod"]
    resources = prod.state()["deployment"]["resources"]
    protected = {one["type"] for one in resources if one.get("protect")}
    assert protected == {kind.token for kind in catalogue.KINDS if kind.protected}
    assert {one["type"] for one in resources if one.get("custom") and not one.get("retainOnDelete")} == {
        one["type"] for one in resources if one["type"].startswith("pulumi:providers:")
    }
    assert not any(one.get("protect") for one in team["dev"].state()["deployment"]["resources"])

    refused = prod.operate("destroy", code=1)

    said = " ".join(refused.text.split())
    assert '::endpoint-check" cannot be deleted because it is protected.' in said
    assert len(prod.state()["deployment"]["resources"]) == len(resources)
    assert len(prod.cloud.services()) == 1


def test_prod_is_let_go_by_configuration_and_what_it_made_stays(team: Team) -> None:
    prod = team["prod"]
    prod.change("protect", "false")
    assert changes(prod.operate("up")) == {}
    assert not [one["urn"] for one in prod.state()["deployment"]["resources"] if one.get("protect")]
    (service,) = prod.cloud.services()

    prod.operate("destroy")

    assert "resources" not in prod.state()["deployment"]
    assert prod.cloud.groups() == ["fpga-prod"]
    assert prod.cloud.services() == [service]
    record = f"{prod.cloud.group_id('fpga-prod')}/providers/Microsoft.Network/dnsZones/contoso.test/A/fpga"
    assert prod.cloud.client.manage("GET", record, "2018-05-01")["properties"]["ARecords"]
