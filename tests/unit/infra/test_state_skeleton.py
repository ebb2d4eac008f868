"""What the comparison with a state of before sees: all that a later version must find, and no value."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.stacks import state_skeleton

URN = "urn:pulumi:local::fpga-web-service::fpga:components:Service$pulumi-python:dynamic/fpga:Keys::keys"
STACK = "urn:pulumi:local::fpga-web-service::pulumi:pulumi:Stack::fpga-web-service-local"
KEYS: dict[str, Any] = {
    "urn": URN,
    "type": "pulumi-python:dynamic/fpga:Keys",
    "custom": True,
    "id": "1",
    "parent": STACK,
    "dependencies": [STACK],
    "additionalSecretOutputs": ["primary_key"],
    "inputs": {"__provider": "gASV", "service_id": "1"},
    "outputs": {"__provider": "gASV", "primary_key": "P", "service_id": "1"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "the URN": {"urn": f"{URN}-2"},
    "the type": {"type": "pulumi-python:dynamic/fpga:AccessKeys"},
    "the parent": {"parent": URN},
    "no parent": {"parent": ""},
    "no custom resource": {"custom": False},
    "what it depends on": {"dependencies": []},
    "the secret outputs": {"additionalSecretOutputs": []},
    "the dynamic provider": {"inputs": KEYS["inputs"] | {"__provider": "gASW"}},
    "no dynamic provider": {"inputs": {"service_id": "1"}},
    "an input more": {"inputs": KEYS["inputs"] | {"owner": "x"}},
    "an input less": {"inputs": {"__provider": "gASV"}},
    "an output more": {"outputs": KEYS["outputs"] | {"owner": "x"}},
    "an output less": {"outputs": {"__provider": "gASV", "service_id": "1"}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_a_later_version_must_find_is_compared(change: dict[str, Any]) -> None:
    assert state_skeleton.of_resources([KEYS | change]) != state_skeleton.of_resources([KEYS])


def test_values_are_not() -> None:
    other = copy.deepcopy(KEYS)
    other["outputs"] |= {"primary_key": "Q", "service_id": "2"}
    other |= {"id": "2", "created": "2026-11-28T00:00:00Z"}
    assert state_skeleton.of_resources([other]) == state_skeleton.of_resources([KEYS])


def test_the_state_of_before_that_is_kept_has_all_of_it() -> None:
    """An empty copy, or one that lacks a kind of thing, would compare nothing."""
    before = json.loads((Path(__file__).parents[2] / "e2e" / "state_of_before.json").read_text())
    assert len(before) == 20
    assert len([one for one in before if "dynamic_provider" in one]) == 7
    for name in ("urn", "type", "parent", "dependencies", "additional_secret_outputs", "inputs", "outputs"):
        assert any(name in one for one in before), name
