"""Stacks in what others keep: two of them under one zone and one account, which neither makes nor deletes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from clients.prediction.client import PredictionClient
from infra.proof.endpoint import sample_image
from tests.support.callers import Access, Callers
from tests.support.stacks.engine_operations import expect_no_changes
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.of_others import OfOthers
from tests.support.stacks.program_stack import ProgramStack

EXISTING = {"existing-account", "existing-zone"}


@pytest.fixture(scope="module")
def shared(local_cloud: LocalCloud) -> OfOthers:
    made = OfOthers(local_cloud, "rg-shared")
    made.make()
    return made


@pytest.fixture(scope="module")
def one(make_stack: Callable[..., ProgramStack], shared: OfOthers) -> ProgramStack:
    return make_stack("of-one", shared.settings(fqdn="one.team.test"), loaded=True)


@pytest.fixture(scope="module")
def two(make_stack: Callable[..., ProgramStack], shared: OfOthers) -> ProgramStack:
    # an alias of a name that has the address: three records in the zone of others
    settings = shared.settings(fqdn="two.team.test", canonicalName="two.hosts.team.test")
    return make_stack("of-two", settings, loaded=True)


def connect(outputs: Mapping[str, Any], access: Access) -> PredictionClient:
    return PredictionClient(
        outputs["fqdn"],
        int(outputs["port"]),
        use_ssl=access.ssl,
        access_token=access.key,
        root_certificates=outputs["rootCertificate"].encode(),
        name_servers=outputs["nameServers"],
    )


def test_two_stacks_are_up_in_one_zone_and_one_account(
    one: ProgramStack, two: ProgramStack, shared: OfOthers
) -> None:
    account, zone = shared.seen()
    for stack in (one, two):
        made = stack.up()
        assert not made.complaints
        assert {name for name in made.operations if name.startswith("existing-")} == EXISTING
        assert not {"account", "zone"} & made.operations.keys()
        outputs = stack.outputs(show_secrets=True)
        assert outputs["zoneNameServers"] == zone["properties"]["nameServers"]
        with connect(outputs, Access(outputs["primaryKey"])) as client:
            assert client.score_image(sample_image()).size
        expect_no_changes(stack)
        assert not stack.preview("--refresh", "--expect-no-changes").complaints
    after, records = shared.seen()
    assert after == account
    assert records["properties"]["numberOfRecordSets"] == 5  # SOA, NS, and these three
    assert {**records, "properties": None} == {**zone, "properties": None}


def test_the_account_is_full_and_the_name_is_taken_for_a_third(
    make_stack: Callable[..., ProgramStack], shared: OfOthers, one: ProgramStack
) -> None:
    services = [{"name": "cats", "fqdn": "cats.team.test"}, {"name": "dogs", "fqdn": "one.team.test"}]
    settings: dict[str, Any] = shared.settings() | {"fpga-web-service:services": services}
    third = make_stack("of-three", settings, loaded=True)
    third.run("config", "rm", "fpga-web-service:fqdn", "--stack", third.stack)

    refused = third.preview(code=None)

    assert refused.code not in (0, None)
    (message,) = refused.diagnostics["error"]
    assert "2 problems" in message
    assert "accountExists is true, and the account 'shared' has a capacity of 2: " in message
    assert "need 2, and others hold 2: service-" in message
    assert (
        "services[1].fqdn is 'one.team.test', and the zone of others has an A record of that name already"
        in message
    )
    services[0]["fqdn"] = "two.team.test"
    third.configure(settings)
    assert "has a CNAME record of that name already: choose" in third.preview(code=None).text


def test_one_is_destroyed_while_the_other_goes_on_answering(
    one: ProgramStack, two: ProgramStack, shared: OfOthers
) -> None:
    account, zone = shared.seen()
    outputs = two.outputs(show_secrets=True)
    access = Access(outputs["secondaryKey"])
    with Callers(1, lambda access: connect(outputs, access), access, sample_image()) as callers:
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
