"""An early renewal as configuration: what is refused, what is issued anew, what an old state means."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pulumi.dynamic import ResourceProvider

from infra.providers.acme_certificate import AcmeCertificateProvider
from infra.providers.certificate import CertificateProvider
from tests.support.certificates.source_settings import SOURCES, settings_of
from tests.support.provider_states import SAME, UPDATE, acme_certificate, certificate, verdict

SETTING = "fpga-web-service:certificateGeneration"
OLD_STATES = {
    "self_signed": (CertificateProvider(), certificate(age=dt.timedelta(days=1))),
    "acme": (AcmeCertificateProvider(), acme_certificate(age_days=1)),
}
both = pytest.mark.parametrize(("provider", "olds"), OLD_STATES.values(), ids=OLD_STATES.keys())


def refusals(provider: ResourceProvider, olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    return [failure.reason for failure in provider.check(olds, news).failures]


@both
def test_a_state_from_before_generations_is_generation_one(
    provider: ResourceProvider, olds: dict[str, Any]
) -> None:
    assert "generation" not in olds
    assert verdict(provider, olds) == SAME
    assert verdict(provider, olds, generation=1.0) == SAME
    assert verdict(provider, olds, generation=2.0) == UPDATE
    assert refusals(provider, olds, olds | {"generation": 1.0}) == []


@both
def test_raising_it_issues_anew_in_place(provider: ResourceProvider, olds: dict[str, Any]) -> None:
    second = olds | {"generation": 2.0}

    assert verdict(provider, second) == SAME
    for raised in (3.0, 7.0):
        assert refusals(provider, second, second | {"generation": raised}) == []
        assert verdict(provider, second, generation=raised) == UPDATE


@both
def test_lowering_it_is_refused_with_the_remedy(provider: ResourceProvider, olds: dict[str, Any]) -> None:
    third = olds | {"generation": 3.0}

    for news in (olds, olds | {"generation": 1.0}):
        assert refusals(provider, third, news) == [
            f"{SETTING} goes from 3 to 1: a certificate that was replaced does not come back. "
            "Set it to 3, or to 4 for a new one"
        ]


@both
def test_a_new_certificate_begins_with_any(provider: ResourceProvider, olds: dict[str, Any]) -> None:
    assert refusals(provider, {}, olds | {"generation": 5.0}) == []


def read(source: str, value: str) -> tuple[int, list[str]]:
    given = SOURCES[source] | {"certificateSource": source, "certificateGeneration": value}
    settings, problems = settings_of(given, None)
    return settings.generation, problems


@pytest.mark.parametrize("source", ["self_signed", "acme"])
def test_sources_that_issue_take_one(source: str) -> None:
    assert read(source, "") == (1, [])
    assert read(source, "4") == (4, [])
    for bad in ("0", "-1", "1.5", "two"):
        _, (problem,) = read(source, bad)
        assert problem == f"{SETTING} is '{bad}': it takes a whole number from 1 to 1000000"


@pytest.mark.parametrize("source", ["files", "pfx", "config"])
@pytest.mark.parametrize("value", ["1", "2"])
def test_sources_that_bring_a_certificate_take_none(source: str, value: str) -> None:
    assert read(source, "") == (1, [])
    assert read(source, value)[1] == [
        f"{SETTING} is not used with certificateSource {source}: remove it, or set certificateSource to "
        "self_signed or acme"
    ]
