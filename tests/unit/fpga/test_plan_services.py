"""The plan of a stack with several services: by service, what they share first, what stays folded."""

from __future__ import annotations

import io
import json
import random

import pytest
from rich.console import Console

from certs.sources.self_signed import issue, new_authority
from fpga.github.plan_comment import compose
from fpga.plan import table
from fpga.plan.markdown import LIMIT, render
from fpga.plan.model import Plan
from infra import catalogue
from tests.support.plan.samples import (
    NOW,
    RECORD,
    SERVICE,
    UNKNOWN,
    plan_of,
    sample,
    step,
    summary,
    urn,
    violation,
)
from tests.support.plan.services import (
    CERTIFICATE,
    DATES,
    SELF_SIGNED,
    component,
    events,
    own,
    renewed,
    shared,
)

ONE_KEY = ({"primary_generation": 1, "secondary_generation": 1}, {"primary_generation": 2})
MOVED = (
    {"recordType": "A", "relativeRecordSetName": "cats", "zoneName": "contoso.test", "ttl": 300},
    {"recordType": "A", "relativeRecordSetName": "cats", "zoneName": "contoso.test", "ttl": 60},
)


def on_terminal(plan: Plan, width: int = 100) -> str:
    out = io.StringIO()
    table.show(plan, Console(file=out, width=width, highlight=False, markup=False))
    return out.getvalue()


def titles(text: str) -> list[str]:
    lines = (line.strip("# ") for line in text.splitlines())
    return [line for line in lines if line.startswith(("service ", "shared by ")) or "services unch" in line]


def test_changes_are_told_by_service_and_what_is_shared_first() -> None:
    plan = plan_of(
        events(
            own("dogs", "update", Keys=ONE_KEY),
            own("birds"),
            own("cats", "update", RecordSet=MOVED),
            own("fish"),
            shared("update"),
        )
    )

    assert [(one.service, one.name) for one in plan.changes] == [
        ("", "account"),
        ("cats", "cats-service"),
        ("dogs", "dogs-service"),
        ("dogs", "dogs-keys"),
        ("cats", "cats-record"),
    ]
    assert [(one.service, one.after.ttl_s) for one in plan.records if one.after] == [("cats", "60")]
    by_name = {one.name: one for one in plan.services}
    assert list(by_name) == ["birds", "cats", "dogs", "fish"]
    assert {name: one.unchanged for name, one in by_name.items()} == {
        "birds": 3, "cats": 1, "dogs": 1, "fish": 3
    }  # fmt: skip
    assert [name for name, one in by_name.items() if one.keys] == ["dogs"]
    assert plan.keys is None
    assert plan.unchanged == 9
    headings = ["shared by the services", "service cats", "service dogs"]
    assert titles(on_terminal(plan)) == [*headings, "2 services unchanged"]
    assert titles(render(plan)) == ["2 services unchanged", *headings]
    for text in (on_terminal(plan), render(plan)):
        told = text[text.index("service cats") : text.index("service dogs")]
        assert "cats-record" in told
        assert "dogs" not in told
        assert "withdrawn" in text[text.index("service dogs") :]
        assert "serviceKeys.dogs." in text
        assert "fish" not in text
    assert "| <code>cats</code> | 2 to update | DNS |" in render(plan)
    assert "| <code>dogs</code> | 2 to update | keys |" in render(plan)


def test_one_service_without_a_name_is_told_as_ever() -> None:
    """The component of the catalogue's own name is no group."""
    flat = [
        step("same", catalogue.SCORING_ENDPOINT.token, "scoring-endpoint", {}, {}, custom=False),
        step("update", SERVICE, "service", {"n": 1}, {"n": 2}, parent=component("scoring-endpoint")),
        summary(),
    ]
    plan = plan_of(flat)
    assert plan.services == ()
    assert plan.parts() == (("", plan),)
    assert {one.service for one in plan.changes} == {""}
    assert on_terminal(plan) == on_terminal(
        plan_of([flat[1].replace(component("scoring-endpoint"), ""), flat[2]])
    )
    for name in ("certificate", "replace", "due"):
        assert "service" not in titles(render(sample(name)))
        assert "#### " not in render(sample(name))


def test_a_certificate_of_a_shared_authority_is_of_its_service() -> None:
    plan = plan_of(events(shared(), own("cats-big"), renewed("cats"), own("certificate")))

    assert [(one.service, one.name) for one in plan.changes] == [
        ("cats", "cats-certificate"),
        ("cats", "cats-service"),
    ]
    (cats,) = (one for one in plan.services if one.name == "cats")
    assert cats.certificate is not None
    assert cats.certificate.after is not None
    assert cats.certificate.after.names == ("cats.contoso.test",)
    # the authority is shared, and named all the same
    assert cats.certificate.after.issuer == "CN=dev development CA"
    assert plan.certificate is None
    assert "| <code>cats</code> | 2 to update | certificate |" in render(plan)


def test_the_source_of_a_certificate_is_its_item_s() -> None:

    pem = issue(new_authority("Contoso", NOW), ["cats.contoso.test"], NOW).certificate_pem
    prelude = {
        "fpga-web-service:certificateSource": "files",
        "fpga-web-service:services": json.dumps(
            [{"name": "dogs"}, {"name": "cats", "certificateSource": "pfx"}]
        ),
    }
    changed = [
        step(
            "update",
            SERVICE,
            f"{name}-service",
            {"ssl_enabled": True, "ssl_certificate": ""},
            {"ssl_enabled": True, "ssl_certificate": pem},
            parent=component(name),
        )
        for name in ("cats", "dogs")
    ]
    plan = plan_of([json.dumps({"preludeEvent": {"config": prelude}}), *changed, summary()])
    sources = {
        one.name: one.certificate.after.source
        for one in plan.services
        if one.certificate and one.certificate.after
    }
    assert sources == {"cats": "pfx", "dogs": "files"}


def test_a_certificate_of_two_services_is_told_of_both() -> None:
    both = {"fqdn": "cats.contoso.test", "names": ["*.contoso.test"]}
    certificate = step(
        "update", CERTIFICATE, "cats-certificate", both, both, outputs=DATES, parent=SELF_SIGNED
    )
    check = {"fqdn": "dogs.contoso.test", "root_certificate": ""}
    follows = [
        step(
            "update",
            SERVICE,
            "dogs-service",
            {"ssl_enabled": True, "ssl_certificate": "PEM"},
            {"ssl_enabled": True, "ssl_certificate": UNKNOWN},
            parent=component("dogs"),
        ),
        step(
            "update",
            catalogue.ENDPOINT_CHECK.token,
            "dogs-endpoint-check",
            check,
            check,
            parent=component("dogs"),
        ),
    ]
    plan = plan_of(events(shared(), [certificate, *follows]))
    (dogs,) = (one for one in plan.services if one.name == "dogs")
    assert dogs.certificate is not None
    assert dogs.certificate.after is not None
    assert dogs.certificate.after.source == "self_signed"
    assert dogs.certificate.after.issuer == "CN=dev development CA"
    assert dogs.certificate.after.names == ("*.contoso.test",)


def test_the_order_of_events_makes_no_difference() -> None:
    groups = [shared("update"), own("dogs", "update"), own("cats", "create"), renewed("birds")]
    told = [event for group in groups for event in group]
    plan = plan_of([*told, summary()])
    for seed in range(5):
        random.Random(seed).shuffle(told)  # noqa: S311 - an order, no secret
        assert plan_of([*told, summary()]) == plan
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_plan_from_before_there_were_services_is_read() -> None:
    plan = sample("certificate")
    told = json.loads(json.dumps(plan.to_json()))
    del told["services"]
    for one in (*told["changes"], *told["records"], *told["policy"]):
        del one["service"]
    assert Plan.from_json(told) == plan


def test_nothing_to_do_is_one_line_for_all_services() -> None:
    plan = plan_of(events(shared(), *(own(f"s{number}") for number in range(7))))
    assert on_terminal(plan) == "7 services unchanged\ndev: no changes, 23 unchanged\n"
    assert "\n7 services unchanged\n" in render(plan)


def test_nobody_knows_what_stays_where_the_preview_failed() -> None:
    plan = plan_of(events(shared(), own("cats"), own("dogs"), result="failed"))
    assert "unchanged" not in on_terminal(plan)


def test_a_policy_finding_is_of_a_service() -> None:
    about = step("update", RECORD, "cats-record", {"ttl": 300}, {"ttl": 5}, parent=component("cats"))
    found = violation("record-ttl-bounds", "mandatory", "its TTL is 5", urn(RECORD, "cats-record"))
    on_stack = violation("x", "advisory", "y", urn("pulumi:pulumi:Stack", "dev"))
    plan = plan_of([about, found, on_stack, summary()])
    assert {one.rule: one.service for one in plan.policy} == {"record-ttl-bounds": "cats", "x": ""}


@pytest.mark.parametrize("operation", ["create", "update"])
def test_fifty_services_have_room_in_a_comment(operation: str) -> None:
    names = [f"service-number-{number}-of-contoso" for number in range(50)]
    plan = plan_of(
        events(
            shared("update"),
            *(own(name, operation, Keys=ONE_KEY, RecordSet=MOVED) for name in names),
            *(renewed(name)[1:2] for name in names),
        )
    )
    for text in (render(plan), compose([plan], [], "0" * 40, None)):
        assert len(text) <= LIMIT
        assert "left out" in text
        # each with what happens to it, whatever else has no room
        assert all(text.count(f"| <code>{name}</code> | ") >= 1 for name in names)
    beside = compose([plan, plan, sample("certificate")], ["prod"], None, None)
    assert len(beside) <= LIMIT
    assert all(name in beside for name in names)
