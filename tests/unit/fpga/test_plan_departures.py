"""Whether a plan does what was reviewed, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from fpga.plan.departures import already_done, departures
from fpga.plan.model import Change, Difference, PolicyFinding, Value
from tests.support.plan.samples import EMPTY

SERVICE = Change(
    urn="urn:pulumi:dev::fpga-web-service::pulumi-python:dynamic/fpga:Service::service",
    name="service",
    type="pulumi-python:dynamic/fpga:Service",
    operation="update",
    differences=(Difference("fingerprint", Value("plain", "AA:AA"), Value("plain", "BB:BB")),),
)
ACCOUNT = Change(
    urn="urn:pulumi:dev::fpga-web-service::azure-native:resources:Resource::account",
    name="account",
    type="azure-native:resources:Resource",
    operation="update",
    differences=(Difference("sku.name", Value("plain", "S1"), Value("plain", "S2")),),
)
PLAN = replace(EMPTY, changes=(ACCOUNT, SERVICE))


def test_the_same_changes_are_no_departure() -> None:
    told_otherwise = replace(PLAN, warnings=("it is late",), unchanged=15)
    assert departures(PLAN, told_otherwise) == []
    assert already_done(PLAN, told_otherwise) == 0


def test_a_change_that_is_done_already_is_no_departure() -> None:
    rest = replace(PLAN, changes=(SERVICE,))
    assert departures(PLAN, rest) == []
    assert already_done(PLAN, rest) == 1


def test_the_rest_of_a_create_that_a_lost_answer_broke_off_is_no_departure() -> None:
    created = replace(ACCOUNT, operation="create")
    rest = replace(ACCOUNT, differences=())
    reviewed = replace(PLAN, changes=(created, SERVICE))
    assert departures(reviewed, replace(PLAN, changes=(rest, SERVICE))) == []
    assert departures(reviewed, replace(PLAN, changes=(ACCOUNT, SERVICE))) == [
        "account (Resource): update instead of create"
    ]


def test_a_preview_that_failed_was_not_reviewed() -> None:
    failed = replace(PLAN, succeeded=False, errors=("no",))
    for reviewed, now, which in ((failed, PLAN, "reviewed"), (PLAN, failed, "new")):
        assert departures(reviewed, now) == [f"the {which} plan is of a preview that failed"]
    nothing = replace(failed, changes=())
    assert departures(nothing, replace(PLAN, changes=())) != []


def test_a_change_that_nobody_saw_is_told() -> None:
    extra = replace(ACCOUNT, urn=ACCOUNT.urn.replace("account", "group"), name="group", operation="delete")
    assert departures(PLAN, replace(PLAN, changes=(*PLAN.changes, extra))) == [
        "group (Resource): delete, and it was to stay as it was"
    ]


def test_another_operation_is_told() -> None:
    replaced = replace(SERVICE, operation="replace", replaced_by=("name",))
    assert departures(PLAN, replace(PLAN, changes=(ACCOUNT, replaced))) == [
        "service (Service): replace instead of update"
    ]
    assert departures(
        replace(PLAN, changes=(replace(replaced, replaced_by=("account_id",)),)),
        replace(PLAN, changes=(replaced,)),
    ) == ["service (Service): replaced because of name"]


def test_other_values_are_told_with_those_that_were_reviewed() -> None:
    larger = replace(
        ACCOUNT,
        differences=(
            Difference("sku.name", Value("plain", "S1"), Value("plain", "S3")),
            Difference("sku.capacity", Value("plain", "1"), None),
        ),
    )
    smaller = replace(SERVICE, differences=())
    assert departures(PLAN, replace(PLAN, changes=(larger, smaller))) == [
        "account (Resource): sku.capacity: 1 -> nothing, which was not to change; "
        "sku.name: S1 -> S3 instead of S1 -> S2",
        "service (Service): fingerprint no longer changes",
    ]


def test_a_policy_that_was_silent_is_told() -> None:
    finding = PolicyFinding("fpga", "record-ttl-bounds", "advisory", "record", "urn:record", "TTL is 5")
    assert departures(PLAN, replace(PLAN, policy=(finding,))) == [
        "the policy record-ttl-bounds has something to say that it did not say before: TTL is 5"
    ]
    assert departures(replace(PLAN, policy=(finding,)), replace(PLAN, policy=(finding,))) == []


def test_a_plan_of_another_stack_is_refused() -> None:
    assert departures(PLAN, replace(PLAN, stack="prod")) == [
        "it is of fpga-web-service/prod, the reviewed one of fpga-web-service/dev"
    ]
