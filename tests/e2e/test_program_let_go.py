"""A stack lets go of what others are to keep, and takes it back: nothing in the cloud changes by either."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from infra import catalogue
from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.of_others import OfOthers, named
from tests.support.stacks.program_stack import ACCOUNT, ZONE, ProgramStack

SWITCHES = ("resourceGroupExists", "accountExists", "zoneExists")
LET_GO = {"existing-resource-group": "update", "existing-account": "update", "existing-zone": "update"}


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    return make_stack("let-go", named({"protect": "true"}), loaded=True)


@pytest.fixture(scope="module")
def kept(stack: ProgramStack) -> OfOthers:
    """What the stack makes first, as who keeps it then sees it."""
    return OfOthers(stack.cloud, stack.group, ACCOUNT, f"let-go.{ZONE}")


def changed(operations: dict[str, str]) -> dict[str, str]:
    return {name: one for name, one in operations.items() if one != "same" and not name.startswith("default")}


def zone_in_endpoint(state: dict[str, Any]) -> dict[str, Any]:
    """A state as it was when the scoring endpoint held the zone."""
    zone, endpoint = catalogue.ZONE.token, catalogue.SCORING_ENDPOINT.token
    text = json.dumps(state).replace(f"::{zone}::", f"::{endpoint}${zone}::")
    changed: dict[str, Any] = json.loads(text)
    resources = changed["deployment"]["resources"]
    (parent,) = (one["urn"] for one in resources if one["type"] == endpoint)
    for one in resources:
        if one["type"] == zone:
            one["parent"] = parent
    # what has no provider, stack and components, stands before what is in it
    changed["deployment"]["resources"] = sorted(resources, key=lambda one: bool(one.get("provider")))
    return changed


def remove(stack: ProgramStack, *settings: str) -> None:
    file = stack.folder / f"Pulumi.{stack.stack}.yaml"
    content = yaml.safe_load(file.read_text())
    for key in settings:
        content["config"].pop(f"fpga-web-service:{key}")
    file.write_text(yaml.safe_dump(content))


def test_what_the_stack_made_leaves_it_and_stays(stack: ProgramStack, kept: OfOthers) -> None:
    stack.up()
    before = kept.seen()
    stack.configure(named(dict.fromkeys(SWITCHES, "true")))

    previewed = stack.preview()
    done = stack.up()

    for result in (previewed, done):
        assert changed(result.operations) == LET_GO
        told = "\n".join(result.diagnostics["warning"])
        assert told.count("this stack made leaves the stack and stays in the cloud") == 3
        assert f"uses {kept.zone_id} from now on, and neither changes nor deletes it" in told
    assert kept.seen() == before
    assert not {"resource-group", "account", "zone"} & {
        one["urn"].rpartition("::")[2] for one in stack.resources()
    }
    assert stack.outputs()["zoneNameServers"] == before[1]["properties"]["nameServers"]
    assert not stack.preview("--refresh", "--expect-no-changes").complaints
    expect_no_changes(stack)


def test_it_comes_back_by_adoption_alone(stack: ProgramStack, kept: OfOthers) -> None:
    before = kept.seen()
    assert "account         models                    others': used as it is" in stack.adopt("--yes").stdout
    remove(stack, *SWITCHES)

    refused = stack.up(code=None)  # nobody has said yet that it is the stack's again

    assert refused.code != 0
    assert "already exist" in refused.text
    assert "import" in refused.text
    assert kept.seen() == before

    adopted = stack.adopt("--yes")
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    assert "Adopted: resource-group, account, zone." in adopted.stdout
    again = stack.up()
    assert not again.complaints
    assert {name for name, one in changed(again.operations).items() if one == "delete"} == set(LET_GO)
    assert {one["id"] for one in kept.seen()} == {one["id"] for one in before}
    expect_no_changes(stack)


def test_a_destroy_leaves_what_others_keep(stack: ProgramStack, kept: OfOthers) -> None:
    stack.configure(named(dict.fromkeys(SWITCHES, "true") | {"protect": "false"}))
    stack.up()
    before = kept.seen()
    stack.destroy()
    account, zone = kept.seen()
    assert account == before[0]
    assert zone["etag"] == before[1]["etag"]
    assert zone["properties"]["numberOfRecordSets"] == 2


def test_the_zone_of_before_stays_where_the_settings_name_another_one(
    make_stack: Callable[..., ProgramStack], local_cloud: LocalCloud
) -> None:
    shared = OfOthers(local_cloud, "rg-of-zone-keepers", zone=ZONE)
    shared.make_group()
    shared.make_zone()
    stack = make_stack("moved", loaded=True)
    stack.up()
    stack.load(zone_in_endpoint(stack.export()))  # the zone is found where it was in states of before, too
    own = OfOthers(local_cloud, stack.group, ACCOUNT, f"moved.{ZONE}")
    before = own.seen()
    assert f"{catalogue.SCORING_ENDPOINT.token}${catalogue.ZONE.token}::" in stack.urn("zone")
    stack.configure(named({"zone": ZONE, "zoneExists": "true", "zoneResourceGroup": shared.group}))

    done = stack.up()

    assert changed(done.operations) == {"existing-zone": "update", "record": "replace"}
    assert own.seen()[1]["etag"] == before[1]["etag"]
    expect_no_changes(stack)
    stack.destroy()
    local_cloud.client.manage("GET", shared.zone_id, "2018-05-01")
