"""Stacks in what others keep: two of them under one zone and one account, which neither makes nor deletes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from clients.prediction.client import PredictionClient
from infra.proof.endpoint import sample_image
from tests.support.callers import Access, Callers
from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.of_others import OfOthers, named
from tests.support.stacks.program_stack import ProgramStack

EXISTING = {"existing-account", "existing-zone"}


@dataclass(frozen=True)
class Called:
    """A service as its callers know it."""

    outputs: Mapping[str, Any]
    key: str
    name_servers: list[str]


@pytest.fixture(scope="module")
def shared(local_cloud: LocalCloud) -> OfOthers:
    made = OfOthers(local_cloud, "rg-shared")
    made.make()
    made.make_account(capacity=3)
    return made


@pytest.fixture(scope="module")
def one(make_stack: Callable[..., ProgramStack], shared: OfOthers) -> ProgramStack:
    return make_stack("of-one", shared.settings(fqdn="one.team.test"), loaded=True)


@pytest.fixture(scope="module")
def two(make_stack: Callable[..., ProgramStack], shared: OfOthers) -> ProgramStack:
    """Two services, one by an alias of a name that has its address."""
    services = [
        {"name": "two", "fqdn": "two.team.test", "canonicalName": "two.hosts.team.test"},
        {"name": "dos", "fqdn": "dos.team.test"},
    ]
    return make_stack("of-two", of_list(shared, services), loaded=True)


def of_list(shared: OfOthers, services: list[dict[str, str]]) -> dict[str, Any]:
    """The settings of a stack of these services."""
    return {**shared.settings(), "fpga-web-service:services": services, "fpga-web-service:fqdn": ""}


def connect(called: Called, access: Access) -> PredictionClient:
    return PredictionClient(
        called.outputs["fqdn"],
        int(called.outputs["port"]),
        use_ssl=access.ssl,
        access_token=access.key,
        root_certificates=called.outputs["rootCertificate"].encode(),
        name_servers=called.name_servers,
    )


def called(stack: ProgramStack) -> list[Called]:
    """The services of a stack, as its outputs tell them."""
    told = stack.outputs(show_secrets=True)
    services = told.get("services", {"": told})
    keys = told.get("serviceKeys", {"": told})
    return [Called(one, keys[name]["primaryKey"], told["nameServers"]) for name, one in services.items()]


def test_two_stacks_are_up_in_one_zone_and_one_account(
    one: ProgramStack, two: ProgramStack, shared: OfOthers
) -> None:
    account, zone = shared.seen()
    for stack in (one, two):
        made = stack.up()
        assert not made.complaints
        assert {name for name in made.operations if name.startswith("existing-")} == EXISTING
        assert not {"account", "zone"} & made.operations.keys()
        assert stack.outputs()["zoneNameServers"] == zone["properties"]["nameServers"]
        for service in called(stack):
            with connect(service, Access(service.key)) as client:
                assert client.score_image(sample_image()).size
        expect_no_changes(stack)
        assert not stack.preview("--refresh", "--expect-no-changes").complaints
    after, records = shared.seen()
    assert after == account
    assert records["properties"]["numberOfRecordSets"] == 6  # SOA, NS, and these four
    assert {**records, "properties": None} == {**zone, "properties": None}


def test_the_account_is_full_and_the_name_is_taken_for_a_third(
    make_stack: Callable[..., ProgramStack], shared: OfOthers, one: ProgramStack
) -> None:
    services = [{"name": "cats", "fqdn": "cats.team.test"}, {"name": "dogs", "fqdn": "one.team.test"}]
    settings = of_list(shared, services)
    third = make_stack("of-three", settings, loaded=True)

    refused = third.preview(code=None)

    assert refused.code not in (0, None)
    (message,) = refused.diagnostics["error"]
    assert "2 problems" in message
    assert "accountExists is true, and the account 'shared' has a capacity of 3: " in message
    assert "need 2, and others hold 3: dos-" in message
    assert (
        "services[1].fqdn is 'one.team.test', and the zone of others has an A record of that name already"
        in message
    )
    services[0]["fqdn"] = "two.team.test"
    third.configure(settings)
    assert "has a CNAME record of that name already: choose" in third.preview(code=None).text


def test_a_stack_of_the_same_name_takes_no_service_of_this_one(
    make_stack: Callable[..., ProgramStack], shared: OfOthers, one: ProgramStack
) -> None:
    """Stacks of one name in two states derive the same names; an account that others keep has both."""
    settings = shared.settings(resourceGroup="rg-of-namesake", fqdn="namesake.team.test")
    namesake = make_stack(one.stack, settings, loaded=True)
    (service,) = one.of_type("Service")

    refused = namesake.preview(code=None)

    assert refused.code != 0
    assert f"there is a service named {service['outputs']['name']} already ({service['id']})" in refused.text
    assert "choose another fpga-web-service:serviceName" in refused.text
    namesake.configure(named({"serviceName": "namesake"}))
    shared.make_account(capacity=4)
    assert namesake.preview().operations["service"] == "create"


def test_one_is_destroyed_while_the_other_goes_on_answering(
    one: ProgramStack, two: ProgramStack, shared: OfOthers
) -> None:
    account, zone = shared.seen()
    service, _ = called(two)
    access = Access(service.key)
    with Callers(1, lambda access: connect(service, access), access, sample_image()) as callers:
        one.destroy()
        callers.let_each_call()
    assert [call.error for call in callers.calls if call.error] == []
    assert one.group not in shared.cloud.groups()
    after, left = shared.seen()
    assert after == account
    assert left["etag"] == zone["etag"]
    assert left["properties"]["numberOfRecordSets"] == zone["properties"]["numberOfRecordSets"] - 1
    expect_no_changes(two)


def test_with_both_gone_others_have_all_that_they_had(two: ProgramStack, shared: OfOthers) -> None:
    two.destroy()
    account, zone = shared.seen()
    assert (account["tags"], zone["tags"]) == ({"kept": "by others"},) * 2
    assert zone["properties"]["numberOfRecordSets"] == 2
    assert shared.cloud.management(shared.group, shared.account).services() == []
