"""What is adopted, how the engine is told, and which settings go with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clients.azure.cloud import Cloud
from clients.azure.errors import NotFound
from clients.azure.model_management import Service
from engine.plugin_notes import Notes
from fpga import adoption
from fpga.adoption import Finding, Standing, Survey
from fpga.stacks.clouds import StackClouds
from infra import declared, settings
from infra.settings import Settings

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/fpga"
ZONE = f"{GROUP}/providers/Microsoft.Network/dnsZones/contoso.test"


def configuration(folder: Path, **more: str) -> Settings:
    own = {
        "resourceGroup": "fpga",
        "account": "models",
        "accountCapacity": "16",
        "modelPackage": str(folder),
        "zone": "contoso.test",
        "fqdn": "www.contoso.test",
        "certificateSource": "self_signed",
    }
    azure = {
        "metadataHost": "localhost:443",
        "tenantId": SUBSCRIPTION,
        "subscriptionId": SUBSCRIPTION,
        "clientId": SUBSCRIPTION,
        "clientSecret": "a secret",
    }
    return settings.read(
        {f"fpga-web-service:{key}": value for key, value in (own | more).items()}
        | {f"azure-native:{key}": value for key, value in azure.items()},
        {},
    )


class ToldCloud(Cloud):
    """A Resource Manager that knows these resources, and says the same of all others."""

    def __init__(self, resources: Mapping[str, Mapping[str, Any]], code: str = "ResourceNotFound") -> None:
        self._resources, self._code = resources, code

    def manage(
        self,
        method: str,
        resource_id: str,
        api_version: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        assert (method, body) == ("GET", None), "looking changes nothing"
        if resource_id not in self._resources:
            raise NotFound("GET", status=404, code=self._code, message="There is none.", request_id="")
        return self._resources[resource_id]


class ToldClouds(StackClouds):
    """A stack's clouds, all of which are one."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud_of_all = cloud

    def of(self, resource_id: str) -> Cloud:
        return self._cloud_of_all


def told(resources: Mapping[str, Mapping[str, Any]], code: str = "ResourceNotFound") -> ToldClouds:
    return ToldClouds(ToldCloud(resources, code))


def state(*resources: tuple[str, str]) -> dict[str, Any]:
    """A deployment with these resources, by type chain and logical name."""
    urns = [f"urn:pulumi:dev::fpga-web-service::{chain}::{name}" for chain, name in resources]
    return {"resources": [{"urn": urn, "id": "an id"} for urn in urns]}


def test_each_stands_as_state_and_cloud_tell(tmp_path: Path) -> None:
    stack = configuration(tmp_path)
    cloud = told({GROUP: {"location": "East US 2"}, ZONE: {"location": "global"}})

    found = adoption.survey(stack, "dev", cloud, state(("t", "resource-group")), Notes(str(tmp_path)))

    assert {one.name: one.standing for one in found.findings} == {
        "resource-group": Standing.MANAGED,
        "account": Standing.ABSENT,
        "storage": Standing.ABSENT,
        "packages": Standing.ABSENT,
        "zone": Standing.ADOPTABLE,
        "record": Standing.ABSENT,
        "service": Standing.ABSENT,
    }
    assert found.foreign is False, "what is in the stack's own group goes with it"


@pytest.mark.parametrize(
    ("noted", "foreign"),
    [
        (("group",), False),
        (("zone",), True),
        (("group", "zone"), False),
        ((), True),
    ],
)
def test_what_this_stack_made_is_known_without_its_state(
    tmp_path: Path, noted: tuple[str, ...], foreign: bool
) -> None:
    cloud = told({GROUP: {"location": "eastus2"}, ZONE: {"location": "global"}})
    notes = Notes(str(tmp_path))
    for name in noted:
        urn = f"urn:pulumi:dev::fpga-web-service::azure-native:resources:ResourceGroup::{name}"
        notes.begin({"group": GROUP, "zone": ZONE}[name], urn, made=True)

    found = adoption.survey(configuration(tmp_path), "dev", cloud, {}, notes)

    assert [one.name for one in found.of(Standing.ADOPTABLE)] == ["resource-group", "zone"]
    assert found.foreign is foreign
    assert adoption.survey(configuration(tmp_path), "prod", cloud, {}, notes).foreign


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("resource-group", "`pulumi config set fpga-web-service:resourceGroupLocation westus2` declares it"),
        ("storage", "Set fpga-web-service:storageAccount to another name"),
    ],
)
def test_what_an_update_would_make_anew_is_not_adopted(tmp_path: Path, name: str, remedy: str) -> None:
    stack = configuration(tmp_path)
    (there,) = [one for one in declared.resources(stack) if one.name == name]
    cloud = told({there.id: {"location": "westus2"}})

    (misplaced,) = adoption.survey(stack, "dev", cloud, {}, Notes(str(tmp_path))).of(Standing.MISPLACED)

    assert misplaced.name == name
    assert (
        "it is in westus2, and the stack declares eastus2: an update would make it anew" in misplaced.remedy
    )
    assert remedy in misplaced.remedy


def test_another_subscription_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="404 SubscriptionNotFound"):
        adoption.survey(
            configuration(tmp_path), "dev", told({}, "SubscriptionNotFound"), {}, Notes(str(tmp_path))
        )


def test_the_import_file_names_parents_that_the_state_has(tmp_path: Path) -> None:
    stack = configuration(tmp_path, caaIssuers="letsencrypt.org", canonicalName="fpga.contoso.test")
    findings = [Finding(one.name, "", Standing.ADOPTABLE) for one in declared.resources(stack)]
    management = "urn:pulumi:dev::fpga-web-service::fpga:index:ModelManagement::model-management"
    deployment = {"resources": [{"urn": management, "id": ""}]}

    text = adoption.import_file(stack, "dev", Survey(tuple(findings), (), ()), deployment, "3.29.0")

    file = json.loads(text)
    assert file["nameTable"] == {"model-management": management}
    assert [one for one in file["resources"] if one.get("component")] == [
        {"type": "fpga:index:RegisteredModel", "name": "registered-model", "component": True},
        {"type": "fpga:index:ScoringEndpoint", "name": "scoring-endpoint", "component": True},
    ]
    records = {one["name"]: one["id"] for one in file["resources"] if one["type"].endswith(":RecordSet")}
    assert records == {
        "caa-record": f"{ZONE}/CAA/@",
        "canonical-record": f"{ZONE}/A/fpga",
        "record": f"{ZONE}/CNAME/www",
    }
    assert file["resources"][-1] == {
        "type": "azure-native:dns:RecordSet",
        "name": "record",
        "id": f"{ZONE}/CNAME/www",
        "parent": "scoring-endpoint",
        "version": "3.29.0",
    }


def test_what_is_not_adopted_is_not_in_the_file(tmp_path: Path) -> None:
    stack = configuration(tmp_path)
    findings = (Finding("account", "", Standing.ABSENT), Finding("zone", "", Standing.ADOPTABLE))

    file = json.loads(adoption.import_file(stack, "dev", Survey(findings, (), ()), {}, "3.29.0"))

    assert [one["name"] for one in file["resources"]] == ["zone"]


RETAINED = {"fpga-web-service:retainOnDelete": "true"}
CONSENT = "fpga-web-service:adopt"
CONSENTED = {CONSENT: "true"}
THREE = (("fpga-web-service:replicas", "3"),)
OWN_GROUP = Finding("resource-group", "rg", Standing.MANAGED)


@pytest.mark.parametrize(
    ("findings", "values", "written"),
    [
        ([Finding("zone", "", Standing.ADOPTABLE)], (), RETAINED),
        ([Finding("zone", "", Standing.ADOPTABLE)], tuple(RETAINED), {}),
        ([OWN_GROUP, Finding("zone", "", Standing.ADOPTABLE)], (), {}),
        ([replace(OWN_GROUP, standing=Standing.ADOPTABLE)], (), RETAINED),
        ([replace(OWN_GROUP, standing=Standing.ADOPTABLE, is_own=True)], (), {}),
        ([Finding("zone", "", Standing.ADOPTABLE, is_own=True)], (), {}),
        ([Finding("zone", "", Standing.MANAGED)], (), {}),
        ([Finding("service", "", Standing.ADOPTABLE, consent=CONSENT)], (), CONSENTED | RETAINED),
        ([Finding("service", "", Standing.CONTINUED)], (), {}),
        ([Finding("service", "", Standing.CONTINUED, number=THREE, fpgas=3)], (), dict(THREE)),
        ([Finding("service", "", Standing.MANAGED, fpgas=17)], (), {}),
    ],
    ids=[
        "by hand",
        "decided already",
        "in our group",
        "a group",
        "our group",
        "our zone",
        "managed",
        "a service",
        "our service",
        "a number",
        "no number",
    ],
)
def test_what_others_made_outlives_the_stack(
    findings: list[Finding], values: tuple[str, ...], written: dict[str, str]
) -> None:
    assert adoption.settings_to_write(values, Survey(tuple(findings), (), ())) == written


def test_what_is_on_a_management_server_comes_in_by_its_own_provider(tmp_path: Path) -> None:
    server = "99999999-8888-7777-6666-555555555555"
    stack = configuration(
        tmp_path,
        managementHost="models.contoso.com",
        managementTenantId=server,
        managementSubscriptionId=server,
        managementClientId=server,
        managementClientSecret="the server's",
    )
    names = ("resource-group", "management-resource-group", "account")
    findings = tuple(Finding(name, "", Standing.ADOPTABLE) for name in names)

    file = json.loads(adoption.import_file(stack, "dev", Survey(findings, (), ()), {}, "3.29.0"))

    by_provider = {one["name"]: one.get("provider") for one in file["resources"] if "id" in one}
    assert by_provider == {
        "resource-group": None,
        "management-resource-group": "management",
        "account": "management",
    }
    chain = "fpga:index:ModelManagement$pulumi:providers:azure-native"
    assert file["nameTable"] == {"management": f"urn:pulumi:dev::fpga-web-service::{chain}::management"}
    inputs = file["providerInputs"]["management"]
    assert inputs["clientSecret"]["plaintext"] == '"the server\'s"'
    assert (inputs["metadataHost"], inputs["useOidc"]) == ("models.contoso.com", "false")


def test_what_others_keep_is_shown_and_not_adopted(tmp_path: Path) -> None:
    of_others = {"zoneExists": "true", "zoneResourceGroup": "dns", "resourceGroupExists": "true"}
    stack = configuration(tmp_path, **of_others)
    found = adoption.survey(stack, "dev", told({GROUP: {"location": "westus"}}), state(), Notes(None))
    standings = {one.name: one.standing for one in found.findings}
    assert (standings["resource-group"], standings["zone"]) == (Standing.OTHERS, Standing.LACKING)
    assert found.of(Standing.ADOPTABLE) == ()
    with_zone = told({ZONE.replace("/fpga/", "/dns/"): {"location": "global"}})
    standings = {
        one.name: one.standing
        for one in adoption.survey(stack, "dev", with_zone, state(), Notes(None)).findings
    }
    assert standings["zone"] == Standing.OTHERS


SEVERAL = {
    "fqdn": "",
    "services": json.dumps(
        [
            {"name": "cats", "fqdn": "cats.contoso.test"},
            {"name": "dogs", "fqdn": "dogs.contoso.test", "serviceName": "hounds"},
            {"name": "birds", "fqdn": "birds.contoso.test", "canonicalName": "b.contoso.test"},
        ]
    ),
}
ACCOUNT = f"{GROUP}/providers/Microsoft.MachineLearningModelManagement/accounts/models"


class ToldManagement:
    """An account with one service."""

    def __init__(self, *_: object) -> None: ...

    def services(self) -> list[Service]:
        return [Service("1", "hounds", "Succeeded", "", 0, "m", 2, 3), Service("2", "strays", "", "", 0, "m")]

    def models(self) -> list[SimpleNamespace]:
        return []


def test_each_service_of_a_list_stands_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.azure.model_management.ModelManagement", ToldManagement)
    stack = configuration(tmp_path, **SEVERAL)
    record = f"{ZONE}/A/dogs"
    cloud = told({ACCOUNT: {"location": "eastus2"}, record: {}})
    monkeypatch.setattr(ToldClouds, "management", None, raising=False)

    found = adoption.survey(stack, "dev", cloud, {}, Notes(str(tmp_path)))

    own = {one.name: one.standing for one in found.findings if one.name.startswith(("cats", "dogs", "birds"))}
    assert own == {
        "cats-record": Standing.ABSENT,
        "dogs-record": Standing.ADOPTABLE,
        "birds-record": Standing.ABSENT,
        "birds-canonical-record": Standing.ABSENT,
        "cats-service": Standing.ABSENT,
        "dogs-service": Standing.ADOPTABLE,
        "birds-service": Standing.ABSENT,
    }
    assert found.other_services == ("strays",)
    # in its own item: outside of the list it would be a consent for all
    written = {
        "fpga-web-service:services[1].adopt": "true",
        "fpga-web-service:services[1].replicas": "2",
        "fpga-web-service:services[1].maxReplicas": "3",
    }
    assert adoption.settings_to_write((), found) == RETAINED | written
    capacity = {"fpga-web-service:accountCapacity": "5"}
    assert adoption.settings_to_write((), found, 4) == RETAINED | written | capacity
    file = json.loads(adoption.import_file(stack, "dev", found, {}, "3.29.0"))
    (imported,) = (one for one in file["resources"] if one["name"] == "dogs-record")
    assert (imported["id"], imported["parent"]) == (record, "dogs")
    assert {"type": "fpga:index:ScoringEndpoint", "name": "dogs", "component": True} in file["resources"]


def test_what_the_one_service_of_before_had_is_not_adopted_anew(tmp_path: Path) -> None:
    """A list whose first service takes over gives it other names, at the next update; it is in the state."""
    listed = [{"name": "first"}, {"name": "second", "fqdn": "second.contoso.test"}]
    stack = configuration(tmp_path, services=json.dumps(listed))
    record = f"{ZONE}/A/www"
    before = state(("fpga:index:ScoringEndpoint", "scoring-endpoint"), ("t", "record"), ("t", "service"))
    before["resources"][1]["id"] = record.upper()

    found = adoption.survey(stack, "dev", told({record: {}}), before, Notes(str(tmp_path)))

    standing = {one.name: one.standing for one in found.findings}
    assert standing["first-record"] == standing["first-service"] == Standing.MANAGED
    assert standing["second-record"] == standing["second-service"] == Standing.ABSENT


def test_what_others_kept_can_be_adopted_though_the_state_knows_its_id(tmp_path: Path) -> None:
    of_others = {
        "urn": "urn:pulumi:dev::fpga-web-service::pulumi-python:dynamic/fpga:ExistingResource::existing-zone",
        "type": "pulumi-python:dynamic/fpga:ExistingResource",
        "id": ZONE,
    }
    clouds = told({ZONE: {"location": "global"}})
    found = adoption.survey(configuration(tmp_path), "dev", clouds, {"resources": [of_others]}, Notes(None))
    assert [one.name for one in found.of(Standing.ADOPTABLE)] == ["zone"]
