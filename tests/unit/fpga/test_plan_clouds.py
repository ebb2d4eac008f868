"""Which cloud each resource of a plan is in, where there are two."""

from __future__ import annotations

import json

from fpga.plan.markdown import render
from fpga.plan.model import Plan
from infra import catalogue
from tests.support.plan.samples import plan_of, step, summary, urn

AZURE, SERVER, ANOTHER = "management.azure.com", "models.contoso.com:8443", "other.contoso.com"
PROVIDER = "pulumi:providers:azure-native"
DEFAULT, MANAGEMENT = urn(PROVIDER, "default_3_29_0"), urn(PROVIDER, catalogue.MANAGEMENT_PROVIDER)


def prelude(**config: str) -> str:
    return json.dumps({"preludeEvent": {"config": config}})


def created(type_: str, name: str, provider: str) -> str:
    return step("create", type_, name, None, {"location": "eastus2"}, provider=provider)


def resources() -> list[str]:
    return [
        created(catalogue.RESOURCE_GROUP.token, "resource-group", DEFAULT),
        created(catalogue.RESOURCE_GROUP.token, catalogue.MANAGEMENT_GROUP, MANAGEMENT),
        created(catalogue.ACCOUNT.token, "account", MANAGEMENT),
        created(catalogue.SERVICE.token, "service", urn("pulumi:providers:pulumi-python", "default")),
        created(catalogue.ZONE.token, "zone", DEFAULT),
        created(catalogue.DEVELOPMENT_CA.token, "development-ca", ""),
    ]


def clouds(plan: Plan) -> dict[str, str]:
    return {one.name: one.cloud for one in plan.changes}


def test_each_resource_is_told_with_its_cloud() -> None:
    server = step("create", PROVIDER, catalogue.MANAGEMENT_PROVIDER, None, {"metadataHost": SERVER})
    settings = prelude(**{"azure-native:metadataHost": AZURE})
    plan = plan_of([settings, server, *resources(), summary()])

    assert clouds(plan) == {
        "resource-group": AZURE,
        catalogue.MANAGEMENT_GROUP: SERVER,
        "account": SERVER,
        "service": SERVER,
        "zone": AZURE,
        "development-ca": "",
    }
    comment = render(plan)
    assert "| | Resource | Type | Cloud | Why |\n|---|---|---|---|---|\n" in comment
    assert f"| <code>account</code> | Resource | <code>{SERVER}</code> |" in comment
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_move_is_told_with_both() -> None:
    moved = step(
        "replace",
        PROVIDER,
        catalogue.MANAGEMENT_PROVIDER,
        {"metadataHost": SERVER},
        {"metadataHost": ANOTHER},
    )
    plan = plan_of([moved, *resources(), summary()])
    assert clouds(plan)["account"] == f"{SERVER} → {ANOTHER}"
    assert clouds(plan)["zone"] == "Azure"


def test_one_cloud_needs_no_name() -> None:
    plan = plan_of([prelude(**{"azure-native:metadataHost": AZURE}), *resources()[:1], summary()])
    assert clouds(plan) == {"resource-group": ""}
    assert "Cloud" not in render(plan)


def test_a_plan_of_before_there_were_two_is_read() -> None:
    plan = plan_of([*resources()[:1], summary()])
    told = json.loads(json.dumps(plan.to_json()))
    for change in told["changes"]:
        del change["cloud"]
    assert Plan.from_json(told) == plan
