"""What a night watch makes of two plans: drift, what was never applied, and certificates, told apart."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fpga.plan.model import (
    Certificate,
    CertificateChange,
    Change,
    Difference,
    Drift,
    Plan,
    PolicyFinding,
    Value,
)
from fpga.watch.findings import watched
from fpga.watch.report import Finding
from tests.support.plan.samples import EMPTY

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
SERVED = Certificate(
    names=("scores.contoso.test",),
    issuer="CN=Contoso",
    source="provided",
    not_before="2026-11-01T00:00:00+00:00",
    not_after="2027-01-30T00:00:00+00:00",
)
PLAN = replace(
    EMPTY,
    stack="prod",
    refreshed=True,
    certificate=CertificateChange(SERVED, SERVED, changes=False, root_changes=False),
)
UNKNOWN = Value("unknown", "known after apply")
RENEWAL = Change(
    "urn:cert",
    "certificate",
    "pulumi-python:dynamic/fpga:Certificate",
    "update",
    reasons=("The renewal is due: two thirds of its life were over on 2026-11-20 00:00 UTC.",),
)
SERVICE = Change(
    "urn:service",
    "service",
    "pulumi-python:dynamic/fpga:Service",
    "update",
    differences=(Difference("ssl_certificate", Value("plain", "PEM"), UNKNOWN),),
)
CHECK = Change(
    "urn:check",
    "endpoint-check",
    "pulumi-python:dynamic/fpga:EndpointCheck",
    "update",
    differences=(Difference("fingerprint", Value("plain", "AA"), UNKNOWN),),
)


def found(declared: Plan, looked: Plan, days: int = 21) -> dict[str, Finding]:
    findings = watched(declared, looked, NOW, days).findings
    told = {one.key: one for one in findings}
    assert len(told) == len(findings), "two findings have one key"
    return told


def served(**others: object) -> Plan:
    certificate = replace(SERVED, **others)  # type: ignore[arg-type]
    return replace(PLAN, certificate=CertificateChange(certificate, certificate, False, False))


def test_a_stack_in_order_has_nothing_to_tell() -> None:
    assert found(PLAN, PLAN) == {}


def test_a_cloud_that_was_not_looked_at_is_not_in_order() -> None:
    told = watched(PLAN, replace(PLAN, refreshed=False), NOW, 21)
    assert not told.is_whole
    assert "The cloud was not looked at." in told.findings[0].detail


@pytest.mark.parametrize(
    "certificate",
    [
        None,
        CertificateChange(None, None, changes=False, root_changes=False),
        CertificateChange(replace(SERVED, not_after=""), SERVED, changes=True, root_changes=False),
    ],
)
def test_a_certificate_whose_end_nobody_knows_is_told_where_ssl_is_on(
    certificate: CertificateChange | None,
) -> None:
    plan = replace(PLAN, certificate=certificate)
    assert found(plan, plan)["expiry"].title == "prod: nobody knows when the certificate ends"
    for off in ((False, False), (None, True), (None, None)):
        assert found(plan, replace(plan, ssl=off)) == {}


def test_what_differs_in_the_cloud_alone_is_drift() -> None:
    seen = Difference("aRecords[0].ipv4Address", Value("plain", "127.80.0.1"), Value("plain", "192.0.2.1"))
    drift = Drift("urn:record", "a-record", "azure-native:dns:RecordSet", gone=False, differences=(seen,))
    repair = Change("urn:record", "a-record", "azure-native:dns:RecordSet", "update", (seen,))
    told = found(PLAN, replace(PLAN, changes=(repair,), drift=(drift,)))
    assert list(told) == ["drift/a-record"]
    assert told["drift/a-record"].title == "prod: a-record (RecordSet) is not as it was deployed"
    assert (
        "`aRecords[0].ipv4Address`: deployed `127.80.0.1`, found `192.0.2.1`" in told["drift/a-record"].detail
    )
    assert "`pulumi up --refresh -s prod` undoes it" in told["drift/a-record"].detail


def test_what_was_found_is_nothing_but_text_in_an_issue() -> None:
    """In code, GitHub looks for no mentions, links or HTML."""
    seen = Difference(
        "tags.a`b", Value("plain", "@contoso/all"), Value("plain", "``x`` <img src=y>\n\n# @octocat")
    )
    drift = Drift("urn:zone", "zone", "azure-native:dns:Zone", gone=False, differences=(seen,))
    told = found(PLAN, replace(PLAN, drift=(drift,)))["drift/zone"].detail
    assert told.splitlines()[0] == (
        "- `` tags.a`b ``: deployed `@contoso/all`, found ``` ``x`` <img src=y> # @octocat ```"
    )
    failed = replace(PLAN, succeeded=False, errors=("not 'a\n```\n@octocat\n\n# b'",))
    assert found(failed, failed)["failed"].detail.splitlines()[2:] == [
        "    not 'a", "    ```", "    @octocat", "    ", "    # b'"
    ]  # fmt: skip


def test_what_is_gone_is_drift() -> None:
    drift = Drift("urn:service", "service", "pulumi-python:dynamic/fpga:Service", gone=True, differences=())
    told = found(PLAN, replace(PLAN, drift=(drift,)))
    assert told["drift/service"].title == "prod: service (Service) is gone"


def test_a_renewal_that_is_due_is_no_drift_and_takes_its_followers_along() -> None:
    due = replace(PLAN, changes=(RENEWAL, SERVICE, CHECK))
    told = found(due, replace(due, refreshed=True))
    assert list(told) == ["renewal"]
    assert told["renewal"].title == "prod: the certificate is due for renewal"
    assert told["renewal"].detail.startswith(RENEWAL.reasons[0])
    assert "`fpga certs renew -s prod` renews it" in told["renewal"].detail


def test_a_change_that_was_never_made_is_told_beside_a_renewal() -> None:
    sku = Difference("sku.name", Value("plain", "S1"), Value("plain", "S2"))
    account = Change("urn:account", "account", "azure-native:resources:Resource", "update", (sku,))
    due = replace(PLAN, changes=(account, RENEWAL, SERVICE, CHECK))
    told = found(due, due)
    assert list(told) == ["renewal", "unapplied"]
    assert told["unapplied"].title == "prod: what is declared was never made (1 to change)"
    assert "- update `account` (Resource)" in told["unapplied"].detail


def test_an_update_of_the_service_without_a_renewal_was_never_made() -> None:
    told = found(replace(PLAN, changes=(SERVICE, CHECK)), PLAN)
    assert list(told) == ["unapplied"]


def test_a_certificate_that_ends_soon_is_told_with_its_remedy() -> None:
    told = found(PLAN, served(not_after="2026-12-10T00:00:00+00:00"))
    assert told["expiry"].title == "prod: the certificate of scores.contoso.test ends in 17 days"
    assert "Bring a new one into the stack's configuration by a pull request." in told["expiry"].detail
    issued = found(PLAN, served(not_after="2026-12-10T00:00:00+00:00", source="acme"))
    assert "`fpga certs renew -s prod` renews it." in issued["expiry"].detail
    assert found(PLAN, served(not_after="2026-12-10T00:00:00+00:00"), days=17) == {}


def test_a_certificate_that_has_ended_says_so() -> None:
    told = found(PLAN, served(not_after="2026-11-22T00:00:00+00:00"))
    assert told["expiry"].title == "prod: the certificate of scores.contoso.test has ended"


def test_a_certificate_that_was_brought_is_due_at_two_thirds() -> None:
    dates = {"not_before": "2026-08-01T00:00:00+00:00", "not_after": "2026-12-31T00:00:00+00:00"}
    told = found(PLAN, served(**dates))
    assert told["renewal"].title == "prod: the certificate of scores.contoso.test is due for renewal"
    # one that the program renews itself shows in its plan, and is not told twice
    assert found(PLAN, served(**dates, source="acme")) == {}


def test_a_preview_that_fails_is_the_one_finding() -> None:
    failed = replace(PLAN, succeeded=False, errors=("azure-native:tenantId is not set",))
    for declared, looked in ((failed, PLAN), (PLAN, failed)):
        told = found(declared, looked)
        assert list(told) == ["failed"]
        assert told["failed"].detail == "The preview failed:\n\n    azure-native:tenantId is not set"


def test_a_policy_finding_is_told() -> None:
    finding = PolicyFinding("fpga", "record-ttl-bounds", "advisory", "a-record", "urn:record", "TTL is 5")
    told = found(PLAN, replace(PLAN, policy=(finding,)))
    assert told["policy/record-ttl-bounds/a-record"].detail == "    TTL is 5"


def test_two_resources_of_one_name_have_keys_of_their_own() -> None:
    gone = [Drift(f"urn:{n}", "record", "azure-native:dns:RecordSet", True, ()) for n in range(2)]
    assert list(found(PLAN, replace(PLAN, drift=tuple(gone)))) == ["drift/record", "drift/record-2"]
