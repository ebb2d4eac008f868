"""The service of a resource, by where it is in the graph."""

from __future__ import annotations

import pytest

from infra import catalogue
from infra.service_names import name_of, service_of, type_of


def urn(kinds: str, name: str) -> str:
    return f"urn:pulumi:dev::fpga-web-service::{kinds}::{name}"


ENDPOINT = catalogue.SCORING_ENDPOINT.token
CERTIFICATE = f"{catalogue.SELF_SIGNED.token}${catalogue.CERTIFICATE.token}"
ACME = f"{catalogue.ACME_ISSUED.token}${catalogue.ACME_CERTIFICATE.token}"
CATS, TEAM = urn(f"team:index:Models${ENDPOINT}", "cats"), urn("team:index:Models", "team")
INNER = urn(f"{ENDPOINT}$team:index:Inner", "inner")
RECORD = urn(f"{ENDPOINT}$azure-native:dns:RecordSet", "cats-canonical-record")
FLAT = urn(catalogue.SERVICE.token, "service")
PARENTS = {CATS: TEAM, RECORD: CATS, INNER: CATS, urn("x:y:Z", "deep"): INNER, TEAM: ""}


@pytest.mark.parametrize(
    ("about", "parents", "service"),
    [
        (RECORD, PARENTS, "cats"),
        (CATS, PARENTS, "cats"),
        (urn("x:y:Z", "deep"), PARENTS, "cats"),
        (TEAM, PARENTS, ""),
        # an item `cats-canonical` would have a record of this name: the parent tells
        (RECORD, {RECORD: urn(ENDPOINT, "cats-canonical")}, "cats-canonical"),
        (urn(catalogue.ZONE.token, "zone"), {}, ""),
        (FLAT, {FLAT: urn(ENDPOINT, "scoring-endpoint")}, ""),
        (urn(CERTIFICATE, "cats-certificate"), {}, "cats"),
        (urn(ACME, "cats-big-certificate"), {}, "cats-big"),
        (urn(ACME, "certificate"), {}, ""),
        # shared, whatever a service is called
        (urn(f"{catalogue.SELF_SIGNED.token}${catalogue.DEVELOPMENT_CA.token}", "development-ca"), {}, ""),
        (urn("azure-native:storage:StorageAccount", "my-certificate"), {}, ""),
        ("", {}, ""),
        ("no URN", {"no URN": "no URN"}, ""),
        (TEAM, {TEAM: CATS, CATS: TEAM}, "cats"),
        (TEAM, {TEAM: INNER, INNER: TEAM}, ""),
    ],
)  # fmt: skip
def test_the_service_of_a_resource(about: str, parents: dict[str, str], service: str) -> None:
    assert service_of(about, parents) == service


def test_a_urn_is_taken_apart() -> None:
    assert type_of(RECORD) == "azure-native:dns:RecordSet"
    assert name_of(urn("a:b:C", "x::y")) == "x::y"
    assert type_of("urn:pulumi:dev::p::a:b:C") == ""
