"""What others keep and a stack cannot use: refused at the preview, all at once, with nothing changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infra import catalogue
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.of_others import OfOthers, named
from tests.support.stacks.program_stack import ProgramStack


@pytest.fixture(scope="module")
def others(local_cloud: LocalCloud) -> OfOthers:
    return OfOthers(local_cloud, "rg-of-odd-keepers", zone="odd.test")


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], others: OfOthers) -> ProgramStack:
    settings = others.settings(fqdn="www.odd.test", resourceGroupExists="true")
    return make_stack("odd", settings, loaded=True)


def refusal(stack: ProgramStack) -> str:
    """The one message of a preview, and of an update, that are refused."""
    refused, update = stack.preview(code=None), stack.up(code=None)
    assert 0 not in (refused.code, update.code)
    (message,) = refused.diagnostics["error"]
    assert update.diagnostics["error"] == [message]
    assert "Traceback" not in refused.text + update.text
    assert [one for one in stack.resources() if not one["type"].startswith("pulumi:")] == []
    assert stack.group not in stack.cloud.groups()
    return str(message)


def test_what_is_not_there_is_told_at_once_with_its_settings(stack: ProgramStack) -> None:
    message = refusal(stack)
    subscription = stack.cloud.status.subscription
    assert "3 problems" in message
    assert (
        f"resourceGroupExists is true, and the subscription {subscription} has no resource group" in message
    )
    assert "has no Model Management account 'shared': set fpga-web-service:account and" in message
    assert "has no DNS zone 'odd.test': set fpga-web-service:zone and fpga-web-service:zone" in message


def test_a_tier_without_fpgas_is_told(stack: ProgramStack, others: OfOthers) -> None:
    stack.configure(named({"resourceGroupExists": "false"}))
    others.make_group()
    others.make_zone()
    others.make_account("DevTest", 1)
    message = refusal(stack)
    assert "1 problem" in message
    assert (
        "accountExists is true, and the account 'shared' has the pricing tier DevTest, which FPGA" in message
    )
    assert "have its keepers give it S1, S2 or S3" in message


def test_settings_by_which_a_destroy_would_delete_it_are_told(stack: ProgramStack) -> None:
    stack.configure(named({"zoneResourceGroup": stack.group, "caaIssuers": "ca.test", "accountSku": "S2"}))
    message = refusal(stack)
    assert "3 problems" in message
    assert (
        f"zoneExists is true, and the group '{stack.group}' is the stack's: `pulumi destroy` del" in message
    )
    assert "caaIssuers would say who may issue for every name in 'odd.test'" in message
    assert "accountSku is not used with accountExists true: remove it" in message


def test_a_storage_account_of_another_stack_in_the_group_is_told(
    stack: ProgramStack, others: OfOthers
) -> None:
    name = "fpgaofanother"
    others.make_account("S1", 1)
    in_group = f"{others.cloud.group_id(others.group)}/providers/Microsoft.Storage/storageAccounts/{name}"
    body = {"location": "eastus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    others.cloud.client.manage("PUT", in_group, catalogue.STORAGE_ACCOUNT.api_version, body)
    for key in ("zoneResourceGroup", "accountResourceGroup", "caaIssuers", "accountSku"):
        stack.run("config", "rm", f"fpga-web-service:{key}", "--stack", stack.stack)
    stack.configure(
        named({"resourceGroup": others.group, "resourceGroupExists": "true", "storageAccount": name})
    )
    message = refusal(stack)
    assert "1 problem" in message
    assert f"storageAccount is '{name}', and the group of others, '{others.group}', has it already" in message
    stack.configure(named({"storageAccount": "fpgaofthisone"}))
    assert stack.preview().operations["existing-resource-group"] == "create"
