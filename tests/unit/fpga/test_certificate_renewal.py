"""What `fpga certs renew` reads out of a stack's state, and what it makes of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from certs.sources.self_signed import issue, new_authority
from fpga.certificates import renewal as certificate_renewal
from fpga.certificates.renewal import GENERATION, IssuedCertificate
from fpga.errors import CommandError
from fpga.plan.model import Change

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
TYPE = "pulumi-python:dynamic/fpga:{}"


def state(*, kind: str = "AcmeCertificate", begin: dt.datetime = NOON, **others: object) -> list[Any]:
    """The resources of a state with a certificate that lives 90 days."""
    outputs = {
        "certificate": "PEM",
        "not_before": begin.isoformat(),
        "not_after": (begin + dt.timedelta(days=90)).isoformat(),
        "renew_at": "",
    }
    return [
        {"type": "pulumi:pulumi:Stack"},
        {"type": TYPE.format("Service"), "outputs": {"certificate": "another"}},
        {"type": TYPE.format(kind), "outputs": outputs | others},
    ]


def of(resources: list[Any], source: str = "acme") -> IssuedCertificate:
    return IssuedCertificate.of("dev", source, resources)


def test_both_sources_that_issue_are_known_by_their_resource() -> None:
    assert of(state()).generation == 1
    assert of(state(generation=3.0)).generation == 3
    assert of(state(kind="Certificate"), "self_signed").pem == "PEM"
    for resources, source in ((state(), "self_signed"), (state(certificate=None), "acme"), ([], "acme")):
        with pytest.raises(CommandError) as caught:
            of(resources, source)
        assert str(caught.value) == (
            f"The stack dev has no certificate of the source {source} yet: `pulumi up -s dev` has the first "
            "one issued."
        )


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("files", ["certificateFile", "keyFile"]),
        ("pfx", ["pfxFile", "pfxPassword"]),
        ("config", ["certificateChain", "certificateKey"]),
    ],
)
def test_one_that_is_brought_is_renewed_by_who_brought_it(source: str, settings: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        of(state(), source)

    words = str(caught.value)
    assert words.startswith(
        f"fpga-web-service:certificateSource of the stack dev is {source}: its certificate is renewed by you."
    )
    assert [name for name in settings if f"fpga-web-service:{name}" not in words] == []
    assert "then `pulumi up -s dev`" in words


def test_a_source_that_there_is_not() -> None:
    with pytest.raises(CommandError, match="is 'acne': choose one of files, pfx, config, self_signed, acme"):
        of(state(), "acne")


def days(number: float) -> dt.datetime:
    return NOON + dt.timedelta(days=number)


@pytest.mark.parametrize(
    ("configured", "renew_at", "now", "reason"),
    [
        (1, "", days(59.9), None),
        (1, "", days(60), "two thirds of its lifetime are over since 2027-01-21 12:00 UTC"),
        (1, days(10).isoformat(), days(9.9), None),
        (
            1,
            days(10).isoformat(),
            days(10),
            "its authority suggests it (RFC 9773) since 2026-12-02 12:00 UTC",
        ),
        (1, days(70).isoformat(), days(61), "two thirds of its lifetime are over since 2027-01-21 12:00 UTC"),
        (2, "", days(1), f"{GENERATION} is 2, and it was issued for 1"),
    ],
)
def test_why_it_is_due(configured: int, renew_at: str, now: dt.datetime, reason: str | None) -> None:
    assert of(state(renew_at=renew_at)).reason(configured, now) == reason


def test_the_generation_that_is_configured() -> None:
    assert certificate_renewal.generation_of({}) == 1
    assert certificate_renewal.generation_of({GENERATION: "4"}) == 4
    with pytest.raises(CommandError, match=f"{GENERATION} is 'next': it takes a whole number from 1"):
        certificate_renewal.generation_of({GENERATION: "next"})


def test_what_a_person_is_shown() -> None:
    authority = new_authority("Contoso CA", NOON)
    bundle = issue(authority, ["www.contoso.test"], NOON)
    issued = of(state(kind="Certificate", certificate=bundle.certificate_pem), "self_signed")

    assert issued.rows(NOON) == {
        "names": "www.contoso.test",
        "issuer": "CN=Contoso CA",
        "expires": "2027-02-20 12:00 UTC (90 days left)",
        "due": "2027-01-21 12:00 UTC: two thirds of its lifetime are over then",
        "generation": "1 (self_signed)",
        "SHA-256": bundle.fingerprint_sha256,
    }
    assert issued.rows(days(89))["expires"] == "2027-02-20 12:00 UTC (1 day left)"
    assert issued.rows(days(89))["due"] == "2027-01-21 12:00 UTC: two thirds of its lifetime are over"
    assert issued.rows(days(91))["expires"] == "2027-02-20 12:00 UTC (expired)"
    assert certificate_renewal.not_due(issued) == (
        "Not due until 2027-01-21 12:00 UTC; nothing changed. --early renews it now."
    )


def test_what_is_more_than_a_renewal() -> None:
    renewal = [
        Change(f"urn:{name}", name, TYPE.format(kind), "update")
        for kind, name in (
            ("AcmeCertificate", "certificate"),
            ("Service", "service"),
            ("EndpointCheck", "check"),
        )
    ]
    others = [
        Change("urn:service", "service", TYPE.format("Service"), "replace"),
        Change("urn:model", "model", TYPE.format("Model"), "create"),
        Change("urn:record", "record", "azure-native:dns:RecordSet", "update"),
    ]

    assert certificate_renewal.beyond_renewal(renewal) == []
    assert certificate_renewal.beyond_renewal([*renewal, *others]) == others
