"""What a killed run had begun: what is there comes into the state, the rest is made, or left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fpga.stacks import pending
from infra import catalogue
from infra.declared import Declared

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
ZONE = f"{GROUP}/providers/Microsoft.Network/dnsZones/contoso.test"
RECORD = f"{ZONE}/A/www"
STACK = "urn:pulumi:dev::fpga-web-service"
OF_THE_GROUP = {"resourceGroupName": "rg", "location": "East US 2", "tags": {"team": "vision"}}
OF_THE_RECORD = {
    "resourceGroupName": "rg",
    "zoneName": "contoso.test",
    "recordType": "A",
    "relativeRecordSetName": "www",
    "ttl": 300,
}
DECLARED = (
    Declared(catalogue.RESOURCE_GROUP, "resource-group", GROUP, "eastus2"),
    Declared(catalogue.RECORD_SET, "record", RECORD),
)
THERE = {"id": GROUP, "location": "eastus2", "tags": {"team": "vision"}}


def resource(name: str, token: str, inputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"urn": f"{STACK}::{token}::{name}", "type": token, "custom": True, "inputs": inputs, **more}


def group(**more: Any) -> dict[str, Any]:
    return resource("resource-group", "azure-native:resources:ResourceGroup", OF_THE_GROUP, **more)


def record(**more: Any) -> dict[str, Any]:
    return resource("record", "azure-native:dns:RecordSet", OF_THE_RECORD, **more)


def settled(
    resources: list[dict[str, Any]], begun: dict[str, Any], there: Mapping[str, Any], kind: str = "creating"
) -> tuple[list[dict[str, Any]], str]:
    """The resources, and the one line, when `begun` is all that was under way."""
    deployment = {"resources": resources, "pending_operations": [{"resource": begun, "type": kind}]}
    found, (line,) = pending.settled(deployment, DECLARED, lambda path, version: there.get(path))
    assert found["pending_operations"] == []
    return found["resources"], line


def test_what_is_there_comes_into_the_state_as_unfinished() -> None:
    found, line = settled([], group(), {GROUP: THERE, f"{GROUP}/resources": {"value": []}})

    assert found == [group(id=GROUP, outputs=OF_THE_GROUP, initErrors=[pending.UNFINISHED])]
    assert line == "resource-group rg: there; the next update finishes it"


def test_what_is_not_there_is_dropped() -> None:
    assert settled([], group(), {}) == ([], "resource-group rg: not there; the next update makes it")


@pytest.mark.parametrize(
    ("there", "inside", "words"),
    [
        ({"location": "westus2"}, [], "not as this stack makes it"),
        ({"tags": {"team": "vision", "cost": "theirs"}}, [], "not as this stack makes it"),
        ({"tags": None}, [], "not as this stack makes it"),
        ({}, [{"id": ZONE}], "with resources of others in it"),
    ],
    ids=["region", "more tags", "no tags", "something in it"],
)
def test_what_was_there_before_is_left_to_who_made_it(
    there: dict[str, Any], inside: list[dict[str, str]], words: str
) -> None:
    cloud = {GROUP: THERE | there, f"{GROUP}/resources": {"value": inside}}

    found, line = settled([], group(), cloud)

    assert found == []
    assert words in line
    assert line.endswith("left to who made it")


def test_what_is_declared_by_another_name_by_now_is_let_go_of() -> None:
    begun = record() | {"inputs": OF_THE_RECORD | {"relativeRecordSetName": "old"}}

    found, line = settled([], begun, {RECORD: {"id": RECORD}})

    assert found == []
    assert line == "record: creating was under way, of one that is not declared any more: let go of"


def test_what_the_stack_has_in_its_group_is_nobody_elses() -> None:
    zone = resource("zone", "azure-native:dns:Zone", {}, id=ZONE.lower())
    cloud = {GROUP: THERE, f"{GROUP}/resources": {"value": [{"id": ZONE}]}}

    found, _ = settled([zone], group(), cloud)

    assert [one["id"] for one in found] == [zone["id"], GROUP]


@pytest.mark.parametrize(
    ("before", "stays"),
    [({}, [{"delete": True}]), ({"pendingReplacement": True}, []), ({"delete": True}, [{"delete": True}])],
    ids=["made before its end", "gone before", "replaced twice"],
)
def test_what_was_to_replace_another_takes_its_place(
    before: dict[str, Any], stays: list[dict[str, Any]]
) -> None:
    old = f"{ZONE}/A/old"

    found, _ = settled([record(id=old, **before)], record(), {RECORD: {"id": RECORD}})

    *kept, new = found
    assert kept == [record(id=old, **more) for more in stays]
    assert (new["id"], new["initErrors"]) == (RECORD, [pending.UNFINISHED])


@pytest.mark.parametrize("kind", ["updating", "deleting"])
def test_a_change_that_was_under_way_is_made_again(kind: str) -> None:
    """It may have acted, and the declaration may have gone back since: no difference of inputs would tell."""
    gone = record(id=f"{ZONE}/A/old", delete=True)

    found, line = settled([record(id=RECORD), gone], record(id=RECORD), {}, kind)

    assert found == [record(id=RECORD, initErrors=[pending.UNFINISHED]), gone]
    assert line == f"record: {kind} was under way; the next update goes on with it"


def test_a_service_is_looked_for_by_name() -> None:
    service = resource("service", "pulumi-python:dynamic/fpga:Service", {})

    assert settled([], service, {}) == (
        [],
        "service: creating was under way; the next update looks for it by name",
    )
