"""Commands of the CLI besides those that run a program: the language host's and plugin's part."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from engine.azure_native import types
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.pulumi_project import PulumiProject

MakeProject = Callable[..., PulumiProject]
EMPTY = {"program/__main__.py": ""}


def test_install_has_nothing_to_do(make_project: MakeProject) -> None:
    project = make_project(EMPTY)
    done = project.run("install")
    assert f"programs run with the packages of {sys.executable}" in done.stdout
    assert "Finished installing dependencies" in done.stdout
    assert "error" not in done.text


def test_about_tells_python_and_packages(make_project: MakeProject) -> None:
    project = make_project(EMPTY)
    project.init()
    about = json.loads(project.run("about", "--json").stdout)
    assert about["errors"] == []
    assert about["runtime"]["executable"] == sys.executable
    assert "fpga-web-service" in {one["name"] for one in about["dependencies"]}
    assert "Failed" not in project.run("about").text


def test_schema_is_of_the_types_that_the_stand_in_knows(make_project: MakeProject) -> None:
    project = make_project(EMPTY)
    schema = json.loads(project.run("package", "get-schema", "azure-native").stdout)
    assert set(schema["resources"]) == set(types.TYPES)
    assert "stand-in" in schema["description"]
    assert "Total resources" in project.run("package", "info", "azure-native").stdout


def test_what_is_not_there_is_told(make_project: MakeProject) -> None:
    project = make_project(EMPTY | {"pcl/main.pp": "output a { value = 1 }\n"})
    told = project.run("package", "gen-sdk", "azure-native", "--language", "python", code=1)
    assert "has no code generator: no Python SDK is generated; packages have theirs on PyPI." in told.stderr
    arguments = ("convert", "--from", "pcl", "--language", "python", "--out", "../out", "--cwd", "pcl")
    told = project.run(*arguments, code=1)
    assert "has no code generator: no Python program is generated." in told.stderr


def test_import_tells_the_resource_and_ends_well(make_project: MakeProject, local_cloud: LocalCloud) -> None:
    group = local_cloud.group_id("imported")
    local_cloud.client.manage("PUT", group, "2021-04-01", {"location": "eastus2", "tags": {"by": "hand"}})
    project = make_project(EMPTY, environment=local_cloud.environment)
    project.init(
        {key: value for key, value in local_cloud.config.items() if key.startswith("azure-native:")},
        {"azure-native:clientSecret": local_cloud.client_secret},
    )
    kind = types.RESOURCE_GROUP.token
    imported = project.run(
        "import", kind, "group", group, "--yes", "--skip-preview", "--stack", project.stack
    )
    assert "This host writes no Python" in imported.stdout
    assert '#     resourceGroupName = "imported"' in imported.stdout
    assert [one["id"] for one in project.resources() if one["type"] == kind] == [group]
