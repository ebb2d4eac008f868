"""A night watch of several services: whose each finding is, and what is told of the others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fpga.commands.watch import Format, _print
from fpga.plan.model import (
    CertificateChange,
    Change,
    Difference,
    Drift,
    Plan,
    PolicyFinding,
    ServicePlan,
    Value,
)
from fpga.watch.findings import watched
from fpga.watch.report import Watch, read
from tests.support.plan.samples import EMPTY
from tests.unit.fpga.test_watching import CHECK, NOW, RENEWAL, SERVED, SERVICE


def service(
    name: str, not_after: str = SERVED.not_after, source: str = "acme", fingerprint: str = ""
) -> ServicePlan:
    certificate = replace(
        SERVED,
        names=(f"{name}.contoso.test",),
        not_after=not_after,
        source=source,
        fingerprint_sha256=fingerprint,
    )
    change = CertificateChange(certificate, certificate, changes=False, root_changes=False)
    return ServicePlan(name, 6, change, (True, True), None)


def of(change: Change, name: str) -> Change:
    return replace(change, urn=f"{change.urn}-{name}", name=f"{name}-{change.name}", service=name)


def stack(*services: ServicePlan, **others: object) -> Plan:
    plan = replace(EMPTY, stack="prod", refreshed=True, services=services, certificate=None, ssl=(None, None))
    return replace(plan, **others)  # type: ignore[arg-type]


def watch(declared: Plan, looked: Plan | None = None) -> Watch:
    return watched(declared, looked or declared, NOW, 21)


QUIET = stack(service("birds"), service("cats"), service("dogs"))


def test_services_in_order_have_nothing_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    found = watch(QUIET)
    assert (found.findings, found.services) == ((), ("birds", "cats", "dogs"))
    _print(found, Format.text)
    assert capsys.readouterr().out == "prod: nothing found.\n"


def test_each_certificate_has_a_finding_of_its_own() -> None:
    soon = "2026-12-10T00:00:00+00:00"
    plan = stack(service("birds", soon), service("cats", soon, "files"), service("dogs"))
    birds, cats = watch(plan).findings
    assert (birds.key, birds.service, cats.key, cats.service) == (
        "expiry/birds",
        "birds",
        "expiry/cats",
        "cats",
    )
    assert birds.title == "prod: the certificate of birds.contoso.test ends in 17 days"
    assert "`fpga certs renew -s prod --service birds` renews it." in birds.detail
    assert "Bring a new one into the stack's configuration" in cats.detail


def test_one_certificate_of_several_services_is_one_finding() -> None:
    soon = "2026-12-10T00:00:00+00:00"
    both = [service(name, soon, fingerprint="AA") for name in ("birds", "cats")]
    dogs = service("dogs", soon, fingerprint="BB")
    first, other = watch(stack(*both, dogs)).findings
    assert (first.key, other.key) == ("expiry/birds", "expiry/dogs")
    assert "`fpga certs renew -s prod` renews it. The services birds, cats have it." in first.detail


def test_one_whose_end_nobody_knows_is_told_by_its_service() -> None:
    (found,) = watch(stack(replace(service("cats"), certificate=None), service("dogs"))).findings
    assert (found.key, found.title) == (
        "expiry/cats",
        "prod: nobody knows when the certificate of the service cats ends",
    )


def test_a_renewal_takes_along_all_services_of_its_certificate() -> None:
    renewal = [of(one, "cats") for one in (RENEWAL, SERVICE, CHECK)]
    moved = Difference("model_id", Value("plain", "1"), Value("plain", "2"))
    changed = of(replace(SERVICE, differences=(moved,)), "birds")
    plan = replace(QUIET, changes=(*renewal, of(SERVICE, "dogs"), changed))
    due, unapplied = watch(plan).findings
    assert (due.key, due.service) == ("renewal/cats", "cats")
    assert due.title == "prod: the certificate of the service cats is due for renewal"
    assert "`fpga certs renew -s prod --service cats` renews it, and so does the next" in due.detail
    assert (unapplied.key, unapplied.title) == (
        "unapplied",
        "prod: what is declared was never made (1 to change)",
    )
    assert unapplied.detail.startswith(
        "service birds:\n\n- update `birds-service` (Service)\n\nA deployment failed"
    )


def test_what_was_never_made_is_one_finding_by_service() -> None:
    sku = Difference("sku.name", Value("plain", "S1"), Value("plain", "S2"))
    account = Change("urn:account", "account", "azure-native:resources:Resource", "update", (sku,))
    (found,) = watch(replace(QUIET, changes=(of(SERVICE, "dogs"), account, of(SERVICE, "cats")))).findings
    assert found.title == "prod: what is declared was never made (3 to change)"
    assert [line for line in found.detail.splitlines() if line.endswith(":")] == [
        "shared by the services:",
        "service cats:",
        "service dogs:",
    ]


def test_findings_are_printed_by_service_and_others_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = Drift("urn:zone", "zone", "azure-native:dns:Zone", True, ())
    of_dogs = Drift("urn:r", "dogs-record", "azure-native:dns:RecordSet", True, (), service="dogs")
    finding = PolicyFinding(
        "fpga", "record-ttl-bounds", "advisory", "dogs-record", "urn:r", "TTL is 5", "dogs"
    )
    found = watch(QUIET, replace(QUIET, drift=(of_dogs, gone), policy=(finding,)))
    assert [one.service for one in found.findings] == ["dogs", "", "dogs"]
    _print(found, Format.text)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "shared by the services:",
        "prod: zone (Zone) is gone",
        "service dogs:",
        "prod: dogs-record (RecordSet) is gone",
        "prod: the policy record-ttl-bounds finds fault with dogs-record",
        "2 other services have no findings of their own.",
    ]
    _print(found, Format.markdown)
    assert "## service dogs\n\n### prod: dogs-record (RecordSet) is gone\n" in capsys.readouterr().out
    file = tmp_path / "watch.json"
    file.write_text(json.dumps(found.to_json()))
    assert read(file) == found


def test_a_report_from_before_there_were_services_is_read(tmp_path: Path) -> None:
    found = watch(
        stack(), replace(stack(), drift=(Drift("urn:z", "zone", "azure-native:dns:Zone", True, ()),))
    )
    told = found.to_json()
    assert "services" not in told
    for one in told["findings"]:
        del one["service"]
    file = tmp_path / "watch.json"
    file.write_text(json.dumps(told))
    assert read(file) == found
