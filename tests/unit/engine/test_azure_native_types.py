"""The types against the SDK whose plugin this stands in for."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

import pulumi_azure_native
import pytest

from engine.azure_native import VERSION
from engine.azure_native.types import TYPES, ResourceType, of_urn


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def _sdk_properties(kind: ResourceType) -> tuple[set[str], set[str]]:
    """Inputs and outputs of the SDK's class, by their names on the wire."""
    module, name = kind.token.split(":")[1:]
    found = getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)
    arguments = getattr(importlib.import_module(f"pulumi_azure_native.{module}"), f"{name}Args")
    wire = {
        getattr(value.fget, "_pulumi_name", None) or _camel(attribute)
        for attribute, value in vars(arguments).items()
        if isinstance(value, property)
    }
    outputs = {
        getattr(value.fget, "_pulumi_name", None) or _camel(attribute)
        for attribute, value in vars(found).items()
        if isinstance(value, property)
    }
    assert inspect.isclass(found)
    return wire, outputs


@pytest.mark.parametrize("kind", TYPES.values(), ids=lambda kind: kind.token)
def test_properties_are_the_sdks(kind: ResourceType) -> None:
    inputs, outputs = _sdk_properties(kind)
    own = {"apiVersion"} if kind.token == "azure-native:resources:Resource" else set()
    assert inputs == {*kind.path_parameters, *kind.body, *own}
    assert outputs == {*kind.body, *kind.computed, "azureApiVersion"}


def test_the_version_is_the_sdks() -> None:
    plugin = json.loads((Path(pulumi_azure_native.__file__).parent / "pulumi-plugin.json").read_text())
    assert plugin["version"] == VERSION


def test_a_urn_tells_type_and_name() -> None:
    kind, name = of_urn("urn:pulumi:s::p::fpga:index:Endpoint$azure-native:dns:Zone::my::zone")
    assert (kind.token, name) == ("azure-native:dns:Zone", "my::zone")


def test_an_unknown_type_names_the_known_ones_and_the_remedy() -> None:
    with pytest.raises(LookupError, match=r"azure-native:web:WebApp is none of .* Install the official"):
        of_urn("urn:pulumi:s::p::azure-native:web:WebApp::name")
