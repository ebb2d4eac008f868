"""The components as a library: the sample program of one's own, with two scoring endpoints in one domain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from clients.prediction.client import PredictionClient
from engine.install import Engine
from fpga.cloud.connection import CLIENT_SECRET
from infra.proof.endpoint import sample_image
from infra.settings.reader import PROJECT_ROOT
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.pulumi_project import PulumiProject

ZONE = "vision.contoso.test"
PROJECT = "two-endpoints"


@pytest.fixture(scope="module")
def project(
    engine: Engine, local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PulumiProject]:
    folder = tmp_path_factory.mktemp("sample")
    shutil.copytree(PROJECT_ROOT / "samples" / "pulumi", folder / "program")
    environment = local_cloud.environment
    project = PulumiProject(
        engine, folder / "program", state=folder / "state", stack="dev", environment=environment
    )
    azure = {key: value for key, value in local_cloud.config.items() if key.startswith("azure-native:")}
    own = {
        "resourceGroup": "rg-vision",
        "account": "vision",
        "storageAccount": "visionpackages",
        "zone": ZONE,
        "modelPackage": str(local_cloud.package),
        "nameServers": local_cloud.name_server,
    }
    project.init(azure | {f"{PROJECT}:{key}": value for key, value in own.items()})
    project.run("config", "set", "--secret", "--stack", "dev", CLIENT_SECRET, local_cloud.client_secret)
    up = project.up()
    assert up.complaints == []
    yield project
    project.run("config", "set", "--stack", "dev", f"{PROJECT}:protect", "false")
    project.up()
    project.destroy()


def inside(project: PulumiProject, name: str) -> dict[str, dict[str, Any]]:
    """The resources of a component, by logical name."""
    (urn,) = [one["urn"] for one in project.resources() if one["urn"].endswith(f"::{name}")]
    found = [one for one in project.resources() if one.get("parent") == urn]
    return {one["urn"].rpartition("::")[2]: one for one in found}


def test_both_endpoints_answer_by_their_names(project: PulumiProject, local_cloud: LocalCloud) -> None:
    outputs = project.outputs(show_secrets=True)
    assert set(outputs["addresses"]) == {f"cats.{ZONE}", f"dogs.{ZONE}"}
    for name in ("cats", "dogs"):
        with PredictionClient(
            f"{name}.{ZONE}",
            50051,
            use_ssl=True,
            access_token=outputs[f"{name}Key"],
            root_certificates=outputs["root"].encode(),
            name_servers=[local_cloud.name_server],
        ) as client:
            assert client.score_image(sample_image()).size > 1


def test_children_bear_the_name_of_their_component(project: PulumiProject) -> None:
    for name in ("cats", "dogs"):
        children = {"service", "endpoint", "keys", "record", "endpoint-check"}
        assert inside(project, name).keys() == {f"{name}-{child}" for child in children}
    assert inside(project, "vision").keys() == {"vision-resource-group", "vision-account"}
    assert inside(project, "vision-authority").keys() == {
        "vision-authority-development-ca",
        "cats-certificate",
        "dogs-certificate",
    }


def test_transforms_and_options_reach_what_is_inside(project: PulumiProject) -> None:
    (zone,) = [one for one in project.resources() if one["urn"].endswith("::vision-domain-zone")]
    assert zone["inputs"]["tags"] == {"team": "vision"}
    project.run("config", "set", "--stack", "dev", f"{PROJECT}:protect", "true")
    project.up()
    assert all(one.get("protect") for one in inside(project, "cats").values())
    assert not any(one.get("protect") for one in inside(project, "vision").values())


def test_a_second_run_has_nothing_to_do(project: PulumiProject) -> None:
    assert project.preview("--expect-no-changes").complaints == []
