"""The table of the graph's resources, held against what the engine has written of a stack."""

from __future__ import annotations

import asyncio
import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from pulumi import Output
from pulumi.dynamic import Resource

from infra import catalogue
from infra.catalogue import Component, Kind
from infra.providers import base

STATE = json.loads((Path(__file__).parents[2] / "e2e" / "state_of_before.json").read_text())
COMPONENTS = {
    one.token: one
    for one in (
        catalogue.MODEL_MANAGEMENT,
        catalogue.REGISTERED_MODEL,
        catalogue.SELF_SIGNED,
        catalogue.ACME_ISSUED,
        catalogue.SCORING_ENDPOINT,
    )
}
# it makes all itself, and has one model and one source of certificates: of these it has the others
NOT_IN_THE_STATE = {
    catalogue.EXISTING_RESOURCE,
    catalogue.EXISTING_MODEL,
    catalogue.ACME_ACCOUNT,
    catalogue.ACME_CERTIFICATE,
}
STORED = [kind for kind in catalogue.KINDS if kind not in NOT_IN_THE_STATE]
DYNAMIC = [kind for kind in catalogue.KINDS if kind.token.startswith("pulumi-python:")]


def logical_name(urn: str) -> str:
    return urn.rpartition("::")[2]


def test_each_kind_stands_in_it_once() -> None:
    assert len({kind.token for kind in catalogue.KINDS}) == len(catalogue.KINDS)
    listed = {one for one in vars(catalogue).values() if isinstance(one, Kind)}
    assert listed == set(catalogue.KINDS)
    components = {one for one in vars(catalogue).values() if isinstance(one, Component)}
    assert {one for one in components if one.token} == set(COMPONENTS.values())


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.type_name)
def test_a_stack_s_state_says_the_same_of_a_kind(kind: Kind) -> None:
    (stored,) = [one for one in STATE if one["type"] == kind.token]
    name = logical_name(stored["urn"])
    assert (name.rpartition("-")[0] if kind is catalogue.MODEL else name) == kind.name
    # the zone has moved since, and the program tells the engine where it was
    component = catalogue.SCORING_ENDPOINT if kind is catalogue.ZONE else kind.component
    assert stored["parent"].split("::")[-2:] == [component.token, component.name]
    assert stored.get("additional_secret_outputs", []) == sorted(kind.secrets)


def test_a_stack_s_state_has_no_other_resources() -> None:
    known = {kind.token for kind in catalogue.KINDS} | COMPONENTS.keys()
    assert {one["type"] for one in STATE if not one["type"].startswith("pulumi:")} <= known


@pytest.mark.parametrize("kind", DYNAMIC, ids=lambda kind: kind.type_name)
def test_a_dynamic_resource_has_the_token_of_its_kind(kind: Kind) -> None:
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.type_name)
    module = importlib.import_module(f"infra.providers.{words.lstrip('_')}")
    resource = getattr(module, kind.type_name)
    assert issubclass(resource, Resource)
    assert f"pulumi-python:{resource._resource_type_name}" == kind.token


@pytest.mark.parametrize("kind", DYNAMIC, ids=lambda kind: kind.type_name)
def test_the_secrets_of_a_kind_are_secrets_from_where_they_enter(kind: Kind) -> None:
    """An input among them would stand in plain in the state: the engine asks for outputs alone."""

    async def secrets() -> set[str]:
        inputs = SimpleNamespace(account_id="id", **dict.fromkeys(kind.secrets, "value"))
        declared = base.properties(kind, inputs, ["state"])
        assert (declared["account_id"], declared["state"]) == ("id", None)
        outputs = {name: one for name, one in declared.items() if isinstance(one, Output)}
        return {name for name, one in outputs.items() if await one.is_secret()}

    assert asyncio.run(secrets()) == set(kind.secrets)


def test_what_could_not_be_made_again_is_protected() -> None:
    protected = [kind for kind in catalogue.KINDS if kind.protected]
    assert all(kind in protected for kind in catalogue.KINDS if kind.irreplaceable)
    assert {kind.type_name for kind in protected if not kind.irreplaceable} == {"RecordSet", "EndpointCheck"}
