"""Names that stand in the state win over those that would be derived: nothing is replaced for a name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.plugin_notes import Notes
from fpga import adoption
from fpga.stacks.clouds import StackClouds
from infra import settings
from tests.support.stacks.engine_operations import expect_no_changes, expect_operations
from tests.support.stacks.program_stack import ZONE, ProgramStack

SETTING = "fpga-web-service:"
PACKAGE = f"{SETTING}modelPackage"


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    found = make_stack("before-rename", loaded=True)
    found.up()
    return found


def test_a_renamed_stack_sees_nothing_to_do(stack: ProgramStack) -> None:
    """Service, keys, model and development authority are those that callers know."""
    before, (service,) = stack.outputs(show_secrets=True), stack.services()

    stack.run("stack", "rename", "renamed", "--stack", stack.stack)
    stack.stack = "renamed"

    expect_no_changes(stack)
    assert stack.outputs(show_secrets=True) == before
    (now,) = [one for one in stack.cloud.services() if one.name == service.name]
    assert now == service


def test_a_renamed_stack_adopts_nothing_and_lists_its_service_as_its_own(stack: ProgramStack) -> None:
    config = stack.cloud.config | {
        f"{SETTING}resourceGroup": stack.group,
        f"{SETTING}account": "models",
        f"{SETTING}zone": f"before-rename.{ZONE}",
        f"{SETTING}fqdn": stack.fqdn,
        f"{SETTING}certificateSource": "self_signed",
        "azure-native:clientSecret": stack.cloud.client_secret,
    }
    deployment = stack.export()["deployment"]
    (service,) = stack.of_type("Service")

    declared, notes = settings.read(config, {}), Notes(stack.environment["PULUMI_HOME"])
    clouds = StackClouds(declared, str(stack.cloud.status.ca))
    found = adoption.survey(declared, stack.stack, clouds, deployment, notes)
    clouds.close()

    assert found.other_services == ()
    assert found.of(adoption.Standing.MANAGED)[-1].called == service["outputs"]["name"]


def test_the_name_of_the_model_changes_without_a_gap(stack: ProgramStack) -> None:
    (model,) = stack.of_type("Model")
    stack.configure({f"{SETTING}modelName": "classifier"})

    result = stack.up()

    (renamed,) = stack.of_type("Model")
    assert renamed["outputs"]["name"].startswith("classifier-")
    expect_operations(
        result,
        stack,
        {
            renamed["urn"].rpartition("::")[2]: "replace",
            "service": "update",
            "endpoint-check": "update",
        },
    )
    assert "leaves the stack and stays" not in result.text
    assert [one.id for one in stack.management.models()] == [renamed["id"]] != [model["id"]]
    expect_no_changes(stack)


def test_a_model_of_the_stack_that_is_named_by_its_id_stays(stack: ProgramStack) -> None:
    (model,) = stack.of_type("Model")
    stack.run("config", "rm", PACKAGE, "--stack", stack.stack)
    stack.configure({f"{SETTING}modelId": model["id"]})

    preview = stack.preview()
    assert (
        "which a stack of this program registered. If it is this stack, the model leaves it" in preview.text
    )
    updated = stack.up()

    assert f"The model {model['id']} ({model['outputs']['name']}) leaves the stack and stays" in updated.text
    assert stack.of_type("Model") == []
    assert [one.id for one in stack.management.models()] == [model["id"]]
    expect_no_changes(stack)

    # and back
    stack.run("config", "rm", f"{SETTING}modelId", "--stack", stack.stack)
    stack.configure({PACKAGE: str(stack.cloud.package)})
    stack.up()
    assert [one["id"] for one in stack.of_type("Model")] == [model["id"]]
    expect_no_changes(stack)
    stack.destroy()
    assert stack.group not in stack.cloud.groups()
