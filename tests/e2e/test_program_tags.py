"""Tags: on each resource that takes them, changed in place, read back from Resource Manager."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fpga.plan.markdown import render
from fpga.plan.runner import preview
from fpga.project import Project
from tests.support.stacks.engine_operations import expect_no_changes, expect_operations
from tests.support.stacks.program_stack import ACCOUNT, ZONE, ProgramStack

TAGGED = dict.fromkeys(("resource-group", "account", "storage", "zone"), "update")


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    """A stack that is deployed with tags, which stand in its file as a mapping."""
    stack = make_stack("tags", loaded=True)
    file = stack.folder / f"Pulumi.{stack.stack}.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["fpga-web-service:tags"] = {"team": "vision", "Cost Center": 4711, "spot": False}
    file.write_text(yaml.safe_dump(content))
    return stack


def tags(stack: ProgramStack) -> dict[str, dict[str, str]]:
    """The tags that Resource Manager tells, by the resource's type."""
    group = stack.cloud.group_id(stack.group)
    (storage,) = [one for one in stack.resources() if one["type"] == "azure-native:storage:StorageAccount"]
    ids = {
        "group": (group, "2021-04-01"),
        "account": (
            f"{group}/providers/Microsoft.MachineLearningModelManagement/accounts/{ACCOUNT}",
            "2017-09-01-preview",
        ),
        "storage": (storage["id"], "2024-01-01"),
        "zone": (f"{group}/providers/Microsoft.Network/dnsZones/{stack.stack}.{ZONE}", "2018-05-01"),
    }
    found = {name: stack.cloud.client.manage("GET", *where) for name, where in ids.items()}
    return {name: answer.get("tags") or {} for name, answer in found.items()}


def test_each_resource_that_takes_tags_has_them(stack: ProgramStack) -> None:
    up = stack.up()

    whole = {"team": "vision", "Cost Center": "4711", "spot": "false"}
    of_zone = {"team": "vision", "spot": "false"}
    assert tags(stack) == {"group": whole, "account": whole, "storage": whole, "zone": of_zone}
    (warning,) = [text for text in up.diagnostics["warning"] if "tags" in text]
    assert "fpga-web-service:tags: Zone goes without 'Cost Center': it takes 15, with letters" in warning
    expect_operations(stack.preview("--refresh", "--expect-no-changes"), stack, {})


def test_a_changed_tag_is_an_update_in_place(stack: ProgramStack) -> None:
    stack.run("config", "set", "--path", "fpga-web-service:tags.team", "speech", "--stack", stack.stack)

    project = Project(stack.folder, Path(stack.engine.pulumi).parent.parent)
    shown = render(preview(project, stack.stack, environment=stack.environment))
    assert "4 to update, 9 unchanged" in shown
    assert shown.count("tags.team changes") == len(TAGGED)
    assert shown.count("<code>vision</code> | <code>speech</code>") == len(TAGGED)
    expect_operations(stack.up(), stack, TAGGED)

    assert {name: found["team"] for name, found in tags(stack).items()} == dict.fromkeys(
        tags(stack), "speech"
    )


def test_tags_that_are_no_more_are_taken_off(stack: ProgramStack) -> None:
    stack.run("config", "rm", "fpga-web-service:tags", "--stack", stack.stack)

    expect_operations(stack.up(), stack, TAGGED)

    assert list(tags(stack).values()) == [{}, {}, {}, {}]
    expect_no_changes(stack)


def test_a_secret_among_them_is_refused(stack: ProgramStack) -> None:
    stack.run("config", "set", "--path", "fpga-web-service:tags.team", "vision", "--stack", stack.stack)
    stack.run(
        *("config", "set", "--secret", "--path", "fpga-web-service:tags.pass", "w0rd", "--stack", stack.stack)
    )

    refused = stack.up(code=None)

    assert refused.code not in (0, None)
    (message,) = refused.diagnostics["error"]
    assert "fpga-web-service:tags is encrypted in the stack's file, in part or whole" in message
    assert "w0rd" not in refused.text
    stack.run("config", "rm", "fpga-web-service:tags", "--stack", stack.stack)


def test_what_azure_would_refuse_is_refused_before_anything_changes(stack: ProgramStack) -> None:
    stack.run("config", "set", "--path", "fpga-web-service:tags.azure-team", "x", "--stack", stack.stack)

    refused = stack.up(code=None)

    assert refused.code not in (0, None)
    (message,) = refused.diagnostics["error"]
    assert "fpga-web-service:tags holds the name 'azure-team': Azure reserves names that begin" in message
    assert list(tags(stack).values()) == [{}, {}, {}, {}]
