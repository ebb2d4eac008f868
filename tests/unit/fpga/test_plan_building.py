"""From the engine's events to a plan."""

from __future__ import annotations

import datetime as dt
import json
import random

import pytest

from fpga.errors import CommandError
from fpga.plan.build import build
from fpga.plan.events import read
from fpga.plan.model import Change, Plan, Value
from fpga.plan.wording import summary as told
from tests.support.certificates import odd_encodings
from tests.support.certificates.forge import FQDN
from tests.support.certificates.odd_bundles import Case
from tests.support.plan.samples import (
    NOW,
    RECORD,
    REDACTION,
    SECRET,
    SERVICE,
    UNKNOWN,
    diagnostic,
    lines,
    plan_of,
    sample,
    step,
    summary,
    urn,
    violation,
)

SAMPLES = ("certificate", "replace", "due", "generation", "ssl-off", "check-failure", "failing")


def change(plan: Plan, name: str) -> Change:
    (found,) = (one for one in plan.changes if one.name == name)
    return found


def words(one: Change) -> dict[str, tuple[str | None, str | None]]:
    return {
        each.path: (each.before.text if each.before else None, each.after.text if each.after else None)
        for each in one.differences
    }


def test_a_certificate_from_files_is_read_before_and_after() -> None:
    plan = sample("certificate")

    assert [one.name for one in plan.changes] == ["service", "endpoint-check"]
    told = plan.certificate
    assert told is not None
    assert told.before is not None
    assert told.after is not None
    assert (told.changes, told.root_changes) == (True, False)
    assert (told.before.source, told.after.source) == ("provided", "files")
    assert told.after.names == ("www.plan.contoso.test",)
    assert told.after.issuer == "CN=Plan"
    assert told.after.fingerprint_sha256.startswith("56:04:80:7E")
    assert told.after.not_after == "2027-02-21T00:40:52Z"
    assert told.after.days_left == 81
    assert told.before.public_key_sha256 != told.after.public_key_sha256


def test_a_renewal_gives_the_old_dates_as_its_reason() -> None:
    plan = sample("due")

    certificate = change(plan, "certificate")
    assert certificate.differences == ()
    assert certificate.reasons == (
        "The renewal is due: two thirds of its life were over on 2026-11-13 00:40 UTC; it is valid until "
        "2026-12-13 00:41 UTC.",
    )
    assert plan.certificate is not None
    assert plan.certificate.after is not None
    assert plan.certificate.after.issued_at_apply
    assert plan.certificate.after.issuer == "CN=fpga-web-service plan development CA"
    assert (plan.certificate.after.source, plan.certificate.after.not_after) == ("self_signed", "")
    assert words(change(plan, "service"))["ssl_key"] == ("(secret)", "(secret)")


def test_an_authority_that_wants_it_earlier_is_the_reason() -> None:
    outputs = {
        "not_before": "2026-11-01T00:00:00+00:00",
        "not_after": "2027-01-30T00:00:00+00:00",
        "renew_at": "2026-11-30T10:00:00+00:00",
    }
    kind = "pulumi-python:dynamic/fpga:AcmeCertificate"
    plan = plan_of([step("update", kind, "certificate", {"fqdn": "a"}, {"fqdn": "a"}, outputs=outputs)])

    assert change(plan, "certificate").reasons == (
        "The renewal is due: its authority wants it since 2026-11-30 10:00 UTC (RFC 9773); it is valid until "
        "2027-01-30 00:00 UTC.",
    )


def test_a_replaced_service_takes_its_keys_with_it() -> None:
    plan = sample("replace")

    assert plan.counts == {"update": 2, "replace": 3}
    service = change(plan, "service")
    assert (service.operation, service.replaced_by, service.deleted_first) == ("replace", ("name",), True)
    assert words(service)["name"] == ("service-1826de55", "another")
    assert change(plan, "keys").replaced_by == ("service_id",)
    assert plan.keys is not None
    assert (plan.keys.before, plan.keys.after) == ((2, 1), (2, 1))
    assert "callers need new ones" in plan.keys.callers[0]
    (record,) = plan.records
    assert record.before is not None
    assert record.after is not None
    assert (record.before.name, record.before.type, record.before.ttl_s) == (
        "www.plan.contoso.test",
        "A",
        "120",
    )
    assert (record.before.values, record.after.values) == (("127.80.42.215",), ("known after apply",))
    assert len(plan.warnings) == 1


def test_a_raised_generation_withdraws_one_key() -> None:
    plan = sample("generation")

    assert plan.keys is not None
    assert (plan.keys.before, plan.keys.after) == ((1, 1), (2, 1))
    (told,) = plan.keys.callers
    assert told.startswith("The primary key is withdrawn and made anew")
    assert told.endswith("The secondary key goes on.")


def test_ssl_off_asks_for_no_root() -> None:
    plan = sample("ssl-off")

    assert plan.ssl == (True, False)
    assert plan.certificate is not None
    assert plan.certificate.after is None
    assert plan.certificate.changes
    assert not plan.certificate.root_changes


@pytest.mark.parametrize("case", odd_encodings.WARNED, ids=lambda case: case.name)
def test_a_chain_that_tls_stacks_take_is_told(case: Case) -> None:
    texts = "", case.texts()[0].decode()
    before, after = ({"ssl_enabled": True, "ssl_certificate": text} for text in texts)
    plan = plan_of([step("update", SERVICE, "service", before, after)])

    assert plan.certificate is not None
    assert plan.certificate.after is not None
    assert plan.certificate.after.names == (FQDN,)


@pytest.mark.parametrize(
    ("name", "said"), [("failing", "accountSku is 'DevTest'"), ("check-failure", "are both raised")]
)
def test_a_preview_that_fails_says_why(name: str, said: str) -> None:
    plan = sample(name)

    assert not plan.succeeded
    (error,) = plan.errors
    assert said in error


def test_a_stream_that_breaks_off_is_a_failure() -> None:
    assert not plan_of(lines("certificate")[:-1]).succeeded
    assert not plan_of(["no event", "", "[]"]).succeeded


CUT_OFF = "An event of the engine was cut off: this is not all that it told."
NOT_WHOLE = {
    "no events": ([], "The engine did not tell how the preview ended."),
    "no end": (lines("certificate")[:-1], "The engine did not tell how the preview ended."),
    "an end alone": ([summary()], "The engine told of no resource that it looked at, not even of the stack."),
    "an end that tells nothing": ([*lines("certificate")[:-1], '{"summaryEvent": {}}'], ""),
    "a line that is cut off": (
        [*lines("certificate")[:5], lines("certificate")[5][:-9], *lines("certificate")[6:]],
        CUT_OFF,
    ),
    "an event without its content": (
        [*lines("certificate")[:-1], '{"resourcePreEvent": {}}', summary()],
        CUT_OFF,
    ),
    "a step without a type": (
        [
            *lines("certificate")[:-1],
            '{"resourcePreEvent": {"metadata": {"op": "same", "urn": "u"}}}',
            summary(),
        ],
        CUT_OFF,
    ),
    "a message that is none": (
        [
            *lines("certificate")[:-1],
            '{"diagnosticEvent": {"severity": "error", "message": null}}',
            summary(),
        ],
        CUT_OFF,
    ),
}


@pytest.mark.parametrize(("events", "said"), NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
def test_what_was_not_told_whole_did_not_succeed(events: list[str], said: str) -> None:
    plan = plan_of(events)

    assert not plan.succeeded
    assert plan.errors == ((said,) if said else ())


def test_a_line_that_is_cut_off_stands_beside_the_reason_for_it() -> None:
    events = [*lines("certificate")[:5], lines("certificate")[5][:-9]]

    plan = build(
        read(events, REDACTION),
        project="fpga-web-service",
        stack="dev",
        refreshed=False,
        now=NOW,
        failure=["killed"],
    )

    assert (plan.succeeded, plan.errors[1:]) == (False, ("killed",))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_order_of_events_does_not_matter(name: str) -> None:
    events = lines(name)
    # what belongs to one resource stays in its order, as in the engine's
    by_urn: dict[str, list[str]] = {}
    for event in events:
        by_urn.setdefault(
            json.loads(event).get("resourcePreEvent", {}).get("metadata", {}).get("urn", ""), []
        ).append(event)
    groups = list(by_urn.values())
    random.Random(7).shuffle(groups)  # noqa: S311 - any order will do, the same each time

    assert plan_of([event for group in groups for event in group]).to_json() == plan_of(events).to_json()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_plan_survives_json(name: str) -> None:
    plan = sample(name)

    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_days_that_pass_leave_the_digest() -> None:
    later = plan_of(lines("certificate"), now=NOW + dt.timedelta(days=3))

    assert later != sample("certificate")
    assert later.digest() == sample("certificate").digest()


@pytest.mark.parametrize(
    "other",
    [
        [step("update", RECORD, "record", {"ttl": 300}, {"ttl": 121})],
        [step("update", RECORD, "record", {"ttl": 299}, {"ttl": 120})],
        [step("create", RECORD, "record", None, {"ttl": 120})],
        [step("update", RECORD, "record", {"ttl": 300}, {"ttl": 120}), violation("r", "advisory", "m", "u")],
        [],
    ],
)
def test_other_decisions_have_another_digest(other: list[str]) -> None:
    plan = plan_of([step("update", RECORD, "record", {"ttl": 300}, {"ttl": 120}), summary()])

    assert plan_of([*other, summary()]).digest() != plan.digest()


def test_a_plan_that_was_changed_by_hand_is_refused() -> None:
    told = sample("certificate").to_json()
    told["changes"].pop()

    with pytest.raises(CommandError, match="its digest is another"):
        Plan.from_json(told)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"schema": 2}, "no plan of schema 1"),
        ([], "no plan of schema 1"),
        ({"schema": 1}, "fields are missing"),
        ({**sample("certificate").to_json(), "changes": "x"}, "fields are missing"),
        ({**sample("certificate").to_json(), "unchanged": None}, "fields are missing"),
    ],
)
def test_what_is_no_plan_is_refused(told: dict[str, object], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        Plan.from_json(told)


def test_what_the_engine_does_for_itself_is_no_change() -> None:
    events = [
        step("update", "pulumi:providers:azure-native", "default", {"a": "1"}, {"a": "2"}),
        step("create", "fpga:index:SelfSigned", "self-signed", None, {}, custom=False),
        step("update", SERVICE, "service", {"__provider": "a", "n": 1.0}, {"__provider": "b", "n": 1}),
        summary(),
    ]

    (only,) = plan_of(events).changes

    assert (only.name, only.differences) == ("service", ())


def test_a_secret_is_told_without_anything_of_it() -> None:
    old, new = {"ssl_key": SECRET, "tag": "a"}, {"ssl_key": UNKNOWN, "tag": "a"}
    plan = plan_of([step("update", SERVICE, "service", old, new), summary()])

    (difference,) = plan.changes[0].differences
    assert difference.before == difference.after == Value("secret", "(secret)")
    assert "v1:abc" not in json.dumps(plan.to_json())
    assert "ciphertext" not in json.dumps(plan.to_json())


@pytest.mark.parametrize(
    "plain", ["in the clear", "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"]
)
def test_a_secret_that_is_not_marked_is_hidden_all_the_same(plain: str) -> None:
    plan = plan_of([step("create", SERVICE, "service", None, {"ssl_key": plain, "key": plain}), summary()])

    assert {one.after for one in plan.changes[0].differences} == {Value("secret", "(secret)")}
    assert plain not in str(plan.to_json())


def test_an_update_without_a_difference_is_one_of_a_secret() -> None:
    inputs = {"primary_key": SECRET, "fqdn": "a"}
    plan = plan_of([step("update", "x:y:EndpointCheck", "check", inputs, inputs), summary()])

    assert [one.path for one in plan.changes[0].differences] == ["primary_key"]


def test_a_resource_that_is_retained_is_let_go_of() -> None:
    plan = plan_of([step("delete", RECORD, "record", {"ttl": 1}, None, retained=True), summary()])

    assert plan.changes[0].operation == "forget"
    assert plan.changes[0].reasons == ("It is let go of, and goes on in the cloud.",)


def test_what_the_stack_made_and_others_keep_from_now_on_is_told_in_words() -> None:
    token = "pulumi-python:dynamic/fpga:ExistingResource"
    made, used = {"zoneName": "a.test", "location": "global"}, {"resource_id": "/a", "on_server": False}
    plan = plan_of(
        [
            step("update", token, "existing-zone", made, used),
            step("update", token, "existing-account", used, used | {"on_server": True}),
            summary(),
        ]
    )

    let_go = change(plan, "existing-zone")
    assert (let_go.operation, let_go.differences) == ("update", ())
    assert let_go.reasons == (
        "It leaves the stack, which made it, and stays in the cloud as it is: others keep it.",
    )
    assert words(change(plan, "existing-account")) == {"on_server": ("false", "true")}


def test_drift_is_what_a_refresh_finds() -> None:
    after = "resOutputsEvent"
    events = [
        step("refresh", RECORD, "record", {"ttl": 300}, None),
        step("refresh", RECORD, "record", {"ttl": 300}, {"ttl": 77}, event=after),
        step("update", RECORD, "record", {"ttl": 77}, {"ttl": 300}),
        step("refresh", SERVICE, "service", {"name": "a"}, None),
        step("refresh", SERVICE, "service", {"name": "a"}, None, event=after),
        step("create", SERVICE, "service", None, {"name": "a"}),
        step("refresh", "x:y:Model", "model", {"name": "a"}, {"name": "a"}, event=after),
        step("same", "x:y:Model", "model", {"name": "a"}, {"name": "a"}),
        summary(),
    ]

    plan = plan_of(events, refreshed=True)

    assert [(one.name, one.gone) for one in plan.drift] == [("service", True), ("record", False)]
    assert [one.path for one in plan.drift[1].differences] == ["ttl"]
    assert plan.counts == {"create": 1, "update": 1}
    assert plan.unchanged == 1


def test_policy_findings_are_told_once_the_worst_first() -> None:
    about = urn(RECORD, "record")
    events = [
        violation("b-rule", "advisory", "<{%fg 1%}>careful<{%reset%}>", about),
        violation("z-rule", "mandatory", "no", about),
        violation("z-rule", "mandatory", "no", about),
        diagnostic("error", "preview failed\n"),
        summary("failed"),
    ]

    plan = plan_of(events)

    assert [(one.rule, one.name, one.message, one.stops) for one in plan.policy] == [
        ("z-rule", "record", "no", True),
        ("b-rule", "record", "careful", False),
    ]
    # that it failed is no error beside the reason for it
    assert (plan.succeeded, plan.errors) == (False, ())


def test_messages_are_told_once_and_debug_ones_never() -> None:
    events = [
        diagnostic("warning", "twice"),
        diagnostic("warning", "twice\n", urn(RECORD, "record")),
        diagnostic("debug", "registering"),
        diagnostic("info", "hello"),
        summary(),
    ]

    assert plan_of(events).warnings == ("twice",)


def test_outputs_that_change_alone_are_something_to_do() -> None:
    stack = "pulumi:pulumi:Stack"
    ends = json.loads(step("same", stack, "dev", {}, {}, event="resOutputsEvent", custom=False))
    metadata = ends["resOutputsEvent"]["metadata"]
    metadata["old"]["outputs"] = {"ip": "127.80.0.1", "port": 50051}
    metadata["new"]["outputs"] = {"ip": "127.80.0.1", "port": 50051, "zoneNameServers": ["ns1"]}

    plan = plan_of([json.dumps(ends), summary()])

    assert plan.outputs == ("zoneNameServers",)
    assert not plan.does_nothing
    assert told(plan) == "dev: outputs alone: zoneNameServers, 0 unchanged"
    metadata["new"]["outputs"] = metadata["old"]["outputs"]
    assert plan_of([json.dumps(ends), summary()]).does_nothing


@pytest.mark.parametrize("name", SAMPLES)
def test_events_hold_nothing_that_others_may_not_read(name: str) -> None:
    written = [*lines(name), diagnostic("warning", "/home/dev/checkout/stacks/x")]

    told = repr(list(read(written, REDACTION)))

    assert "stacks/x" in told
    assert "/home/dev" not in told
    assert "ciphertext" not in told


def test_secrets_end_where_events_are_read() -> None:
    plain = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"
    inputs = {"ssl_key": "in the clear", "list": [{"key": "inside"}], "note": plain, "tag": SECRET}
    given = [
        step("create", SERVICE, "service", None, inputs, outputs={**inputs, "primary_key": "output"}),
        step("update", SERVICE, "service", inputs, {}, event="resOutputsEvent"),
        diagnostic("error", f"/home/dev/checkout/a.py: {plain}"),
        violation("rule", "mandatory", plain, "urn"),
        json.dumps({"preludeEvent": {"config": {"a:b": "/home/dev/x"}}}),
    ]

    told = repr(list(read(given, REDACTION)))

    for hidden in ("in the clear", "inside", "MIIEvQ", "v1:abc", "output'", "/home/dev"):
        assert hidden not in told


def test_paths_that_are_told_alike_are_two() -> None:
    plan = plan_of([step("update", SERVICE, "m", {"p": "/srv/a/x"}, {"p": "/srv/b/x"}), summary()])

    assert words(plan.changes[0]) == {"p": ("…/x", "…/x")}


def test_private_keys_that_differ_are_told_without_their_names() -> None:
    one, other = (
        f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----" for text in ("one", "other")
    )
    plan = plan_of([step("update", SERVICE, "m", {"note": one, "n": 1}, {"note": other, "n": 2}), summary()])

    assert words(plan.changes[0]) == {"n": ("1", "2"), "note": ("(secret)", "(secret)")}
