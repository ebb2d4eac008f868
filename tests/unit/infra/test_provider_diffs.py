"""What each provider says has changed: `diff` alone decides what a preview shows, and does no I/O."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pulumi.dynamic import ResourceProvider

from infra.providers.certificate import CertificateProvider
from infra.providers.development_ca import DevelopmentCaProvider
from infra.providers.endpoint import EndpointProvider
from infra.providers.endpoint_check import EndpointCheckProvider
from infra.providers.keys import KeysProvider
from infra.providers.model import ModelProvider
from infra.providers.service import ServiceProvider
from tests.support.provider_states import (
    CHECK,
    COSTLY,
    MODEL,
    OF_SERVICE,
    REPLACE,
    SAME,
    SERVICE,
    UNKNOWN,
    UPDATE,
    certificate,
    imported_by,
    verdict,
)


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ({}, SAME),
        ({"adopt": False}, SAME),
        ({"ssl_enabled": False, "ssl_certificate": "", "ssl_key": "", "fingerprint": ""}, UPDATE),
        ({"ssl_certificate": UNKNOWN, "ssl_key": UNKNOWN, "fingerprint": UNKNOWN}, UPDATE),
        ({"model_id": "n"}, UPDATE),
        ({"model_id": UNKNOWN}, UPDATE),
        ({"replicas": 3.0}, UPDATE),
        ({"max_replicas": 3.0}, UPDATE),
        ({"name": "other"}, REPLACE),
        ({"account_id": UNKNOWN}, REPLACE),
    ],
)
def test_a_service_is_updated_in_place_while_name_and_account_stay(
    news: dict[str, Any], expected: str
) -> None:
    assert verdict(ServiceProvider(), SERVICE, **news) == expected


def test_a_service_has_the_number_of_replicas_that_it_was_given_last() -> None:
    three = SERVICE | {"replicas": 3.0}
    assert verdict(ServiceProvider(), three) == SAME
    assert verdict(ServiceProvider(), three, replicas=3) == SAME
    one = {key: value for key, value in three.items() if key != "replicas"}
    assert ServiceProvider().diff("id", three, one).changes


def test_a_service_that_was_seen_failed_is_due() -> None:
    assert verdict(ServiceProvider(), SERVICE | {"state": "Failed"}) == UPDATE


@pytest.mark.parametrize("provider", [EndpointProvider(), KeysProvider()])
def test_endpoint_and_keys_hang_on_the_service_alone(
    provider: ResourceProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["plugin"])
    assert verdict(provider, OF_SERVICE) == SAME
    assert verdict(provider, OF_SERVICE, service_id="2") == REPLACE
    assert verdict(provider, OF_SERVICE, service_id=UNKNOWN) == REPLACE


def test_a_model_is_its_content_wherever_its_package_lies() -> None:
    moved = {"package": "elsewhere", "storage_account_id": UNKNOWN, "container": "other"}

    assert verdict(ModelProvider(), MODEL, **moved) == SAME
    assert verdict(ModelProvider(), MODEL, sha256="11") == REPLACE


def test_a_model_of_another_name_comes_before_the_old_one_goes() -> None:
    """A create adopts what bears the name, so one of the same name has to go first."""
    provider = ModelProvider()
    renamed = provider.diff("id", MODEL, {**MODEL, "name": "another"})
    assert (renamed.replaces, renamed.delete_before_replace) == (["name"], False)
    same_name = provider.diff("id", MODEL, {**MODEL, "account_id": "another"})
    assert (same_name.replaces, same_name.delete_before_replace) == (["account_id"], True)


def test_a_model_keeps_the_name_that_it_has_when_its_stack_is_renamed() -> None:
    stands, derived = {**MODEL, "name": "model-0a1b2c3d"}, {**MODEL, "name": "model-99999999"}
    assert ModelProvider().check(stands, derived).inputs["name"] == "model-0a1b2c3d"
    assert ModelProvider().check({}, derived).inputs["name"] == "model-99999999"


@pytest.mark.parametrize("key", sorted(CHECK.keys() - {"timeout_s"}))
def test_the_check_is_done_again_when_what_it_looks_at_changes(key: str) -> None:
    assert verdict(EndpointCheckProvider(), CHECK) == SAME
    assert verdict(EndpointCheckProvider(), CHECK, **{key: "other"}) == UPDATE
    assert verdict(EndpointCheckProvider(), CHECK, **{key: UNKNOWN}) == UPDATE


def test_a_check_of_before_there_were_resolvers_is_done_already() -> None:
    """The state of a stack that was deployed before the settings could be has none of their inputs."""
    assert CHECK.keys().isdisjoint({"resolvers", "delegation"})
    assert verdict(EndpointCheckProvider(), CHECK, resolvers=["127.0.0.1"]) == UPDATE
    assert verdict(EndpointCheckProvider(), CHECK, delegation=["ns1."]) == UPDATE
    asked = CHECK | {"resolvers": ["127.0.0.1"], "delegation": ["ns1."]}
    assert EndpointCheckProvider().diff("id", asked, asked).changes is False
    assert EndpointCheckProvider().diff("id", asked, CHECK).changes is True


def test_the_checks_patience_is_no_reason_to_check() -> None:
    assert verdict(EndpointCheckProvider(), CHECK, timeout_s=1.0) == SAME


@pytest.mark.parametrize(
    ("days", "expected"), [(0, SAME), (59, SAME), (60, UPDATE), (89, UPDATE), (200, UPDATE)]
)
def test_a_leaf_is_due_when_two_thirds_of_its_life_are_over(days: int, expected: str) -> None:
    assert verdict(CertificateProvider(), certificate(age=dt.timedelta(days=days))) == expected


@pytest.mark.parametrize("key", ["fqdn", "ca_certificate", "ca_key"])
def test_a_leaf_is_issued_anew_for_another_name_or_authority(key: str) -> None:
    assert verdict(CertificateProvider(), certificate(age=dt.timedelta(0)), **{key: "other"}) == UPDATE


def test_an_authority_is_never_due() -> None:
    olds = certificate(age=dt.timedelta(days=3650)) | {"common_name": "CA"}

    assert verdict(DevelopmentCaProvider(), olds) == SAME
    assert verdict(DevelopmentCaProvider(), olds, common_name="other") == REPLACE


def test_a_preview_without_change_imports_nothing_costly() -> None:
    asked = """
import datetime as dt
from infra.providers.certificate import CertificateProvider
from infra.providers.endpoint import EndpointProvider
from infra.providers.endpoint_check import EndpointCheckProvider
from infra.providers.keys import KeysProvider
from infra.providers.model import ModelProvider
from infra.providers.service import ServiceProvider
from tests.support import provider_states as states

ServiceProvider().check(states.SERVICE, dict(states.SERVICE))
EndpointCheckProvider().check(states.CHECK, dict(states.CHECK))
states.verdict(ServiceProvider(), states.SERVICE)
states.verdict(EndpointProvider(), states.OF_SERVICE)
states.verdict(KeysProvider(), states.OF_SERVICE)
states.verdict(ModelProvider(), states.MODEL)
states.verdict(EndpointCheckProvider(), states.CHECK)
states.verdict(CertificateProvider(), states.certificate(age=dt.timedelta(0)))
"""
    assert imported_by(asked, COSTLY) == []


def test_a_creation_has_everything_imported_meanwhile() -> None:
    asked = """
from infra.providers import ahead
from infra.providers.development_ca import DevelopmentCaProvider

DevelopmentCaProvider().check({}, {"common_name": "CA"})
ahead.require("proof")
"""
    assert imported_by(asked, COSTLY) == [name for name in COSTLY if name != "onnxruntime"]
