"""A stack that an earlier version deployed: its resources are found again as they stand in its state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from infra.settings.reader import PROJECT_ROOT
from tests.support.stacks import state_skeleton
from tests.support.stacks.program_stack import ProgramStack

# The state of the stack `local` at commit 757e511, without its values.
BEFORE: Final = Path(__file__).with_name("state_of_before.json")
# What has come since, by type: properties that a state of before lacks and nobody misses, with the reason.
ADDED: Final[Mapping[str, Mapping[str, str]]] = {
    "pulumi-python:dynamic/fpga:Service": {"cloud": "compared only where the state has it"}
}
# Components' outputs that have gone, by type: they hold for several services.
GONE_OUTPUTS: Final = frozenset({"fpga:index:RegisteredModel", "fpga:index:SelfSigned"})
ENDPOINT: Final = "fpga:index:ScoringEndpoint"
ZONE: Final = "azure-native:dns:Zone"


def _before() -> state_skeleton.Skeleton:
    """The state of before, with the zone where an alias takes it."""
    before = {one["urn"]: one for one in json.loads(BEFORE.read_text().replace(f"{ENDPOINT}${ZONE}", ZONE))}
    (stack,) = [urn for urn, one in before.items() if one["type"] == "pulumi:pulumi:Stack"]
    for one in before.values():
        if one["type"] == ZONE:
            one["parent"] = stack
        elif one["type"] in GONE_OUTPUTS:
            del one["outputs"]
        if "dependencies" in one:
            one["dependencies"].sort()
    return before


def _without_additions(resource: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(resource)
    for key in ("inputs", "outputs"):
        if key in kept:
            kept[key] = [name for name in kept[key] if name not in ADDED.get(resource["type"], {})]
    return kept


def test_a_new_local_stack_has_the_resources_of_the_one_of_before(
    make_stack: Callable[..., ProgramStack],
) -> None:
    template = yaml.safe_load((PROJECT_ROOT / "stacks" / "Pulumi.local.template.yaml").read_text())["config"]
    del template["fpga-web-service:modelPackage"]
    # another test of this localcloud may have the template's zone
    zone = "before.contoso.test"
    template |= {"fpga-web-service:zone": zone, "fpga-web-service:fqdn": f"fpga.{zone}"}
    stack = make_stack("local", template)
    stack.up()

    now = {
        urn: _without_additions(one) for urn, one in state_skeleton.of_resources(stack.resources()).items()
    }

    before = _before()
    assert now.keys() == before.keys()
    for urn, resource in now.items():
        assert resource == before[urn]
